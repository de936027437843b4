// SPDX-License-Identifier: Apache-2.0

import DequeModule
import SwiftProtobuf

/// What a client wants of the relay and has no answer to, in the order in which it was typed.
///
/// All of it is sent again over each new connection: the relay publishes no message twice, and the rest may be asked
/// twice.
struct ClientOutbox: Equatable, Sendable {
    struct Item: Equatable, Sendable {
        /// The number of the line that asked for it.
        let line: Int
        let request: RelayRequest
        fileprivate var isSent = false

        init(line: Int, request: RelayRequest) {
            (self.line, self.request) = (line, request)
        }
    }

    private var items: Deque<Item> = []
    private var unsent = 0
    private var isPageUnderWay = false

    var count: Int { items.count }
    var isEmpty: Bool { items.isEmpty }

    /// How many messages there are among them.
    var messages: Int { items.count { $0.publish != nil } }

    mutating func append(_ item: Item) {
        items.append(item)
        unsent += 1
    }

    /// What is to be sent now, which counts as sent from here on.
    ///
    /// A page of a room's history begins where the one before it ended: so one is under way at a time, and what comes
    /// behind the next one waits.
    mutating func takeUnsent() -> [Item] {
        // They are at the end, nearly always.
        var index = items.endIndex
        var left = unsent
        while left > 0 {
            index -= 1
            if !items[index].isSent { left -= 1 }
        }
        var taken: [Item] = []
        while index < items.endIndex, !(isPageUnderWay && items[index].isPage && !items[index].isSent) {
            if !items[index].isSent {
                items[index].isSent = true
                isPageUnderWay = isPageUnderWay || items[index].isPage
                taken.append(items[index])
            }
            index += 1
        }
        unsent -= taken.count
        return taken
    }

    /// The connection is gone: nothing counts as sent.
    mutating func connectionLost() {
        for index in items.indices { items[index].isSent = false }
        unsent = items.count
        isPageUnderWay = false
    }

    /// Takes out the message with this id; nil for one that is out already.
    mutating func answered(_ clientMessageID: String) -> Item? {
        items.firstIndex { $0.publish?.clientMessageID == clientMessageID }.map { remove(at: $0) }
    }

    /// Takes out the first of the requests that are under way and are no messages, if it is `expected`.
    ///
    /// The relay answers these in their order.
    mutating func answered(_ expected: (RelayRequest) -> Bool) -> Item? {
        guard let index = items.firstIndex(where: { $0.isSent && $0.publish == nil }),
            expected(items[index].request)
        else { return nil }
        return remove(at: index)
    }

    /// The message with this id is to be sent again; false where there is none.
    mutating func postpone(_ clientMessageID: String) -> Bool {
        guard let index = items.firstIndex(where: { $0.publish?.clientMessageID == clientMessageID }) else {
            return false
        }
        if items[index].isSent { unsent += 1 }
        items[index].isSent = false
        return true
    }

    private mutating func remove(at index: Int) -> Item {
        let item = items.remove(at: index)
        if !item.isSent { unsent -= 1 }
        if item.isSent, item.isPage { isPageUnderWay = false }
        return item
    }
}

extension ClientOutbox.Item {
    /// The message that it is, if it is one.
    var publish: WirePublish? {
        if case .publish(let publish) = request { publish } else { nil }
    }

    fileprivate var isPage: Bool {
        if case .history = request { true } else { false }
    }
}
