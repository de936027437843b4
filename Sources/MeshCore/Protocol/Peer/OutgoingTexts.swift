// SPDX-License-Identifier: Apache-2.0

import DequeModule

/// The texts of one direction that were sent and are not acknowledged.
struct OutgoingTexts: Equatable, Sendable {
    /// One for each text under way; the first one's text has the number `acknowledged + 1`.
    private var tokens: Deque<Int> = []
    private var acknowledged: UInt64 = 0

    var isEmpty: Bool { tokens.isEmpty }

    /// The number of the next text; nil while as many as allowed are under way.
    mutating func add(_ token: Int) -> UInt64? {
        guard tokens.count < PeerLimits.window else { return nil }
        tokens.append(token)
        return acknowledged + UInt64(tokens.count)
    }

    /// The tokens of the texts up to `number` that were not acknowledged before.
    mutating func acknowledged(upTo number: UInt64) throws(PeerViolation) -> [Int] {
        guard number > acknowledged, number - acknowledged <= UInt64(tokens.count) else { throw .wrongAcknowledgement }
        let count = Int(number - acknowledged)
        acknowledged = number
        defer { tokens.removeFirst(count) }
        return Array(tokens.prefix(count))
    }

    /// The tokens of all texts under way, which no longer are.
    mutating func abandon() -> [Int] {
        acknowledged += UInt64(tokens.count)
        defer { tokens = [] }
        return Array(tokens)
    }
}
