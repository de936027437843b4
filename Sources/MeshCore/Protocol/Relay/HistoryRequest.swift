// SPDX-License-Identifier: Apache-2.0

/// A part of a room's log that a client asks for.
package struct HistoryRequest: Equatable, Sendable {
    /// Where the part lies.
    package enum Edge: Equatable, Sendable {
        /// The newest messages older than this one; all are older than 0.
        case before(UInt64)
        /// The oldest messages newer than this one.
        case after(UInt64)
    }

    package let room: RoomName
    package let edge: Edge
    /// How many messages, at the most.
    package let limit: Int

    /// `limit` is at most 100, whatever is asked for.
    package init(room: RoomName, edge: Edge, limit: Int) {
        self.room = room
        self.edge = edge
        self.limit = max(1, min(limit, Self.most))
    }

    init(_ history: WireHistory, in room: RoomName) {
        let edge: Edge =
            switch history.edge {
            case .after(let sequence): .after(sequence)
            case .before(let sequence): .before(sequence)
            case nil: .before(0)
            }
        self.init(room: room, edge: edge, limit: history.limit == 0 ? Self.most : Int(history.limit))
    }

    /// Which messages of a log those are; nil for none.
    package func range(first: UInt64, head: UInt64) -> ClosedRange<UInt64>? {
        guard head >= first else { return nil }
        switch edge {
        case .before(let sequence):
            let last = sequence == 0 ? head : min(head, sequence - 1)
            guard last >= first else { return nil }
            return max(first, last >= UInt64(limit) ? last - UInt64(limit) + 1 : 1)...last
        case .after(let sequence):
            guard sequence < head else { return nil }
            let from = max(first, sequence + 1)
            return from...min(head, from + UInt64(limit) - 1)
        }
    }

    /// As many of `messages`, a part of ``range(first:head:)`` in order, as a frame holds, and at least one: for ``Edge``
    /// `before` the newest, for `after` the oldest.
    package func fitting(_ messages: [WireMessage]) -> [WireMessage] {
        var room = RelayLimits.frame / 2
        let fits = { (message: WireMessage) -> Bool in
            // JSON escapes a byte as two at the most.
            room -= 2 * message.text.utf8.count + 2 * message.data.count + 256
            return room >= 0
        }
        switch edge {
        case .before: return messages.suffix(max(1, messages.reversed().prefix(while: fits).count))
        case .after: return Array(messages.prefix(max(1, messages.prefix(while: fits).count)))
        }
    }

    /// The answer: of `messages`, which are those of ``range(first:head:)``, what is ``fitting(_:)``.
    package func page(_ messages: [WireMessage], first: UInt64, head: UInt64) -> RelayEvent {
        var page = WirePage()
        page.room = room.description
        page.messages = fitting(messages)
        page.more =
            switch edge {
            case .before: (page.messages.first?.sequence ?? first) > first
            case .after: (page.messages.last?.sequence ?? head) < head
            }
        return .page(page)
    }

    private static let most = 100
}
