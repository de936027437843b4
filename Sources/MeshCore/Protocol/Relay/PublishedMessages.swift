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

    private struct Entry {
        /// The room's index in `rooms`.
        let room: UInt32
        var sequence: UInt64
        let at: NIODeadline
    }

    private let window: Window
    private var entries: [Key: Entry] = [:]
    private var order: Deque<(key: Key, at: NIODeadline)> = []
    private var rooms: [RoomName] = []
    private var numbers: [RoomName: UInt32] = [:]

    package init(window: Window = Window()) {
        self.window = window
    }

    /// How many ids are remembered.
    package var count: Int { order.count }

    /// Where a message is; nil for one that is not known.
    package func place(of key: Key) -> Place? {
        entries[key].map { Place(room: rooms[Int($0.room)], sequence: $0.sequence) }
    }

    /// Remembers that a message is on its way to a room.
    ///
    /// Nil for a new one; else where it is already, and nothing changes.
    package mutating func began(_ key: Key, in room: RoomName, now: NIODeadline) -> Place? {
        if let place = place(of: key) { return place }
        remember(key, at: Place(room: room, sequence: 0), now: now)
        return nil
    }

    /// A message has its place.
    package mutating func finished(_ key: Key, at sequence: UInt64) {
        entries[key]?.sequence = sequence
    }

    /// A message could not be published after all: it may be sent again.
    package mutating func failed(_ key: Key) {
        // Its place in the order stays, and is passed over when its time comes.
        entries[key] = nil
    }

    /// Remembers a message that was published before.
    package mutating func remember(_ key: Key, at place: Place, now: NIODeadline) {
        entries[key] = Entry(room: number(of: place.room), sequence: place.sequence, at: now)
        order.append((key, now))
        while let oldest = order.first, isOver(oldest.at, now: now) {
            order.removeFirst()
            // One that failed and was sent again has a later time.
            if entries[oldest.key]?.at == oldest.at { entries[oldest.key] = nil }
        }
    }

    private mutating func number(of room: RoomName) -> UInt32 {
        if let number = numbers[room] { return number }
        let number = UInt32(rooms.count)
        rooms.append(room)
        numbers[room] = number
        return number
    }

    private func isOver(_ time: NIODeadline, now: NIODeadline) -> Bool {
        order.count > window.limit || (order.count > window.messages && now - time > window.time)
    }
}
