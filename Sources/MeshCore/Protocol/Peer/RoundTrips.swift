// SPDX-License-Identifier: Apache-2.0

import DequeModule
import NIOCore

/// The heartbeats that were sent and not answered: each measures a round trip.
struct RoundTrips: Equatable, Sendable {
    private struct Measurement: Equatable {
        let number: UInt64
        let began: NIODeadline
        /// Whose ping it is; nil for a heartbeat that nobody asked for.
        let token: Int?
    }

    private var open: Deque<Measurement> = []
    private var newest: UInt64 = 0

    var isFull: Bool { open.count >= PeerLimits.measurements }

    /// The number of the next heartbeat; nil while as many as allowed are open.
    mutating func begin(token: Int?, at now: NIODeadline) -> UInt64? {
        if isFull { return nil }
        newest += 1
        open.append(Measurement(number: newest, began: now, token: token))
        return newest
    }

    /// Answers come in the order of the heartbeats; nil for one that doesn't.
    mutating func answered(_ number: UInt64, at now: NIODeadline) -> (token: Int?, time: TimeAmount)? {
        guard let first = open.first, first.number == number else { return nil }
        open.removeFirst()
        return (first.token, now - first.began)
    }

    /// The tokens of the pings that are open, which no longer are.
    mutating func abandon() -> [Int] {
        defer { open = [] }
        return open.compactMap(\.token)
    }
}
