// SPDX-License-Identifier: Apache-2.0

import DequeModule
package import NIOCore

/// Where the messages were published that have a client message id, so that one that is sent again is not published
/// again.
///
/// An id is forgotten when both is past: it is older than ``Window/time``, and ``Window/messages`` newer ones are there.
/// Beyond ``Window/limit`` ids the time is cut short, so that memory has a bound.
package struct PublishedMessages: Sendable {
    package struct Window: Equatable, Sendable {
        package var time = TimeAmount.minutes(10)
        package var messages = 100_000
        package var limit = 2_000_000

        package init() {}
    }

    /// The place of a message.
    package struct Place: Equatable, Sendable {
        package let room: RoomName
        /// 0 while the message waits for it.
        package let sequence: UInt64

        package init(room: RoomName, sequence: UInt64) {
            self.room = room
            self.sequence = sequence
        }
    }

    /// A message by its author and its id: 128 bits by Swift's seeded hash, so that nobody can make two that are alike.
    package struct Key: Hashable, Sendable {
        private let high: Int
        private let low: Int

        /// Nil for an empty id, which names nothing.
        package init?(_ id: String, by account: AccountName) {
            if id.isEmpty { return nil }
            var hasher = Hasher()
            hasher.combine(account)
            hasher.combine(id)
            var other = hasher
            other.combine(UInt8(1))
            (high, low) = (hasher.finalize(), other.finalize())
        }

        package func hash(into hasher: inout Hasher) {
            hasher.combine(high)
        }
    }

    /// What ``began(_:in:now:)`` says of a message.
    package enum Beginning: Equatable, Sendable {
        /// It is new, and remembered by this number from now on.
        case new(Number)
        /// It is there already, or on its way.
        case known(Place)
    }

    /// A message on its way to its place.
    package struct Number: Equatable, Sendable {
        fileprivate let value: Int
    }

    private struct Entry {
        let key: Key
        /// The room's index in `rooms`.
        let room: UInt32
        var sequence: UInt64
        let at: NIODeadline
    }

    private let window: Window
    /// Each key's number: how many were remembered before it.
    private var numbers: [Key: Int] = [:]
    /// What is remembered, in the order of the numbers, from `forgotten` on.
    private var entries: Deque<Entry> = []
    private var forgotten = 0
    private var rooms: [RoomName] = []
    private var roomNumbers: [RoomName: UInt32] = [:]

    package init(window: Window = Window()) {
        self.window = window
    }

    /// How many ids are remembered.
    package var count: Int { entries.count }

    /// Where a message is; nil for one that is not known.
    package func place(of key: Key) -> Place? {
        numbers[key].map { place(of: $0) }
    }

    private func place(of number: Int) -> Place {
        let entry = entries[number - forgotten]
        return Place(room: rooms[Int(entry.room)], sequence: entry.sequence)
    }

    /// Remembers that a message is on its way to a room, unless it is known: then nothing changes.
    package mutating func began(_ key: Key, in room: RoomName, now: NIODeadline) -> Beginning {
        let number = forgotten + entries.count
        if let known = numbers.insert(number, for: key) { return .known(place(of: known)) }
        append(Entry(key: key, room: self.number(of: room), sequence: 0, at: now))
        return .new(Number(value: number))
    }

    /// A message has its place.
    package mutating func finished(_ number: Number, at sequence: UInt64) {
        guard number.value >= forgotten else { return }
        entries[number.value - forgotten].sequence = sequence
    }

    /// A message could not be published after all: it may be sent again.
    package mutating func failed(_ number: Number) {
        // Its place in the order stays, and is passed over when its time comes.
        guard number.value >= forgotten else { return }
        forget(entries[number.value - forgotten].key, number.value)
    }

    /// Remembers a message that was published before.
    package mutating func remember(_ key: Key, at place: Place, now: NIODeadline) {
        numbers[key] = forgotten + entries.count
        append(Entry(key: key, room: number(of: place.room), sequence: place.sequence, at: now))
    }

    private mutating func append(_ entry: Entry) {
        entries.append(entry)
        while let oldest = entries.first, isOver(oldest.at, now: entry.at) {
            entries.removeFirst()
            forget(oldest.key, forgotten)
            forgotten += 1
        }
    }

    /// Forgets a key, unless it has another number by now: one that failed and was sent again.
    private mutating func forget(_ key: Key, _ number: Int) {
        if numbers[key] == number { numbers[key] = nil }
    }

    private mutating func number(of room: RoomName) -> UInt32 {
        // Most often it is the room of the one before.
        if let last = entries.last?.room, rooms[Int(last)] == room { return last }
        if let number = roomNumbers[room] { return number }
        let number = UInt32(rooms.count)
        rooms.append(room)
        roomNumbers[room] = number
        return number
    }

    private func isOver(_ time: NIODeadline, now: NIODeadline) -> Bool {
        entries.count > window.limit || (entries.count > window.messages && now - time > window.time)
    }
}

extension Dictionary {
    /// Inserts a value where the key has none, and gives the one that it has; looks the key up once.
    fileprivate mutating func insert(_ value: Value, for key: Key) -> Value? {
        func insert(_ place: inout Value?) -> Value? {
            if let value = place { return value }
            place = value
            return nil
        }
        return insert(&self[key])
    }
}
