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

    init(_ history: WireHistory, in room: RoomName) {
        self.room = room
        edge =
            switch history.edge {
            case .after(let sequence): .after(sequence)
            case .before(let sequence): .before(sequence)
            case nil: .before(0)
            }
        limit = history.limit == 0 ? Self.most : min(Int(history.limit), Self.most)
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

    /// The answer: as many of `messages`, which are those of ``range(first:head:)``, as a frame holds.
    package func page(_ messages: [WireMessage], first: UInt64, head: UInt64) -> RelayEvent {
        var room = RelayLimits.frame / 2
        let fits = { (message: WireMessage) -> Bool in
            // JSON may escape a byte as six, and a frame holds at least one message.
            room -= 2 * message.text.utf8.count + 2 * message.data.count + 256
            return room >= 0
        }
        var page = WirePage()
        page.room = self.room.description
        switch edge {
        case .before:
            var kept: [WireMessage] = []
            for message in messages.reversed() where kept.isEmpty || fits(message) { kept.append(message) }
            page.messages = kept.reversed()
            page.more = (page.messages.first?.sequence ?? first) > first
        case .after:
            for message in messages where page.messages.isEmpty || fits(message) { page.messages.append(message) }
            page.more = (page.messages.last?.sequence ?? head) < head
        }
        return .page(page)
    }

    private static let most = 100
}
