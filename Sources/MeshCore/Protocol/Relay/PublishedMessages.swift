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

    /// 128 bits of an account and an id, by Swift's seeded hash: nobody can make two that are alike.
    private struct Key: Hashable {
        let high: Int
        let low: Int

        init(_ id: String, by account: AccountName) {
            var first = Hasher()
            var second = Hasher()
            second.combine(UInt8(1))
            first.combine(account)
            first.combine(id)
            second.combine(account)
            second.combine(id)
            (high, low) = (first.finalize(), second.finalize())
        }
    }

    private let window: Window
    private var places: [Key: (place: Place, at: NIODeadline)] = [:]
    private var order: Deque<(key: Key, at: NIODeadline)> = []

    package init(window: Window = Window()) {
        self.window = window
    }

    /// How many ids are remembered.
    package var count: Int { order.count }

    /// Where an account's message was published; nil for a new one, and always for an empty id.
    package func place(of id: String, by account: AccountName) -> Place? {
        id.isEmpty ? nil : places[Key(id, by: account)]?.place
    }

    /// Remembers a message that is being published, or was, unless its id is empty.
    package mutating func published(_ id: String, by account: AccountName, at place: Place, now: NIODeadline) {
        if id.isEmpty { return }
        let key = Key(id, by: account)
        if let known = places[key] {
            places[key] = (place, known.at)
        } else {
            places[key] = (place, now)
            order.append((key, now))
        }
        while let oldest = order.first, isOver(oldest.at, now: now) {
            order.removeFirst()
            // One that failed and was sent again has a later time.
            if places[oldest.key]?.at == oldest.at { places[oldest.key] = nil }
        }
    }

    /// A message could not be published after all: it may be sent again.
    package mutating func failed(_ id: String, by account: AccountName) {
        // Its place in the order stays, and is passed over when its time comes.
        places[Key(id, by: account)] = nil
    }

    private func isOver(_ time: NIODeadline, now: NIODeadline) -> Bool {
        order.count > window.limit || (order.count > window.messages && now - time > window.time)
    }
}
