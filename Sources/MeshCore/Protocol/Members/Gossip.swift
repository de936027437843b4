// SPDX-License-Identifier: Apache-2.0

/// What is to be told of members, each a few times, the newest first.
struct Gossip: Equatable {
    private struct Item: Equatable {
        let news: WireMemberNews
        var told = 0
    }

    private var items: [DeviceID: Item] = [:]

    /// The most news that go along with a message.
    static let most = 8

    mutating func add(_ id: DeviceID, _ news: WireMemberNews?) {
        items[id] = news.map { Item(news: $0) }
    }

    mutating func forget(_ id: DeviceID) {
        items[id] = nil
    }

    /// What goes along with the next message; each is told about three times the logarithm of the members' number.
    mutating func take(among members: Int) -> [WireMemberNews] {
        if items.isEmpty { return [] }
        let times = 3 * (Int.bitWidth - members.leadingZeroBitCount + 1)
        let chosen = items.sorted { ($0.value.told, $0.key) < ($1.value.told, $1.key) }.prefix(Self.most)
        for (id, item) in chosen {
            items[id]?.told += 1
            if item.told + 1 >= times { items[id] = nil }
        }
        return chosen.map(\.value.news)
    }
}
