// SPDX-License-Identifier: Apache-2.0

import DequeModule

/// Which client message ids were published, and as which sequence, so that a message that is sent again is not
/// published again.
///
/// Remembers the newest up to a limit.
package struct PublishedMessages: Sendable {
    private struct Key: Hashable {
        let member: Int
        let id: String
    }

    private let limit: Int
    private var sequences: [Key: UInt64] = [:]
    private var order: Deque<Key> = []

    package init(limit: Int) {
        self.limit = limit
    }

    /// The sequence that a member's message was published as; nil for a new one, and always for an empty id.
    package func sequence(of id: String, by member: Int) -> UInt64? {
        id.isEmpty ? nil : sequences[Key(member: member, id: id)]
    }

    /// Remembers a message that was published, unless its id is empty.
    package mutating func published(_ id: String, by member: Int, as sequence: UInt64) {
        if id.isEmpty { return }
        let key = Key(member: member, id: id)
        sequences[key] = sequence
        order.append(key)
        if order.count > limit { sequences[order.removeFirst()] = nil }
    }
}
