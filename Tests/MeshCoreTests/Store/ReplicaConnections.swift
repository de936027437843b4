// SPDX-License-Identifier: Apache-2.0

import MeshCore
import NIOCore
import TestSupport

/// Connections in virtual time: each keeps the order of what is said by it, until it breaks; of two, the one may be
/// faster than the other; and its two ends see its beginning and its end at different times.
struct ReplicaConnections {
    struct Link: Hashable {
        let from: Int
        let to: Int

        var reversed: Link { Link(from: to, to: from) }
    }

    enum News {
        case opened
        case said(WirePeerMessage.OneOf_Body)
        case closed
    }

    /// What comes to one end of a connection.
    struct Arrival {
        let at: NIODeadline
        let link: Link
        let connection: Int
        let news: News
    }

    /// Of a thousand messages so many wait for seconds, and what is said after them by the same connection with them.
    var stallsPerMille = 0
    private(set) var now = NIODeadline.uptimeNanoseconds(1_000_000_000)
    private var generator: SeededGenerator
    /// In the order in which it was said.
    private var underWay: [Arrival] = []
    /// Between which two each connection is that is not broken.
    private var whole: [Int: Link] = [:]
    private var lastNumber = 0

    init(seed: UInt64) {
        generator = SeededGenerator(seed: seed)
    }

    var isQuiet: Bool { underWay.isEmpty }
    var next: NIODeadline? { underWay.map(\.at).min() }

    func isWhole(_ connection: Int) -> Bool { whole[connection] != nil }

    /// Goes on to what comes next.
    mutating func takeNext() -> Arrival? {
        guard let first = underWay.indices.min(by: { underWay[$0].at < underWay[$1].at }) else { return nil }
        let arrival = underWay.remove(at: first)
        wait(until: arrival.at)
        return arrival
    }

    /// Whatever is due meanwhile comes later.
    mutating func wait(until time: NIODeadline) { now = max(now, time) }

    /// A new connection; its ends are told by who calls this, or by what is said.
    mutating func begin(_ link: Link) -> Int {
        lastNumber += 1
        whole[lastNumber] = link
        return lastNumber
    }

    /// By a connection that is broken nothing comes any more.
    mutating func say(_ news: News, by connection: Int, _ link: Link) {
        if isWhole(connection) { send(news, by: connection, link) }
    }

    /// One end closes a connection: the other sees it after all that was said.
    mutating func finish(_ connection: Int, by link: Link) {
        say(.closed, by: connection, link)
        whole[connection] = nil
    }

    /// All connections between two break: of what is under way the last is lost, and each end sees it after the rest.
    mutating func cut(_ pair: Link) {
        let broken = whole.filter { $0.value == pair || $0.value == pair.reversed }.keys.sorted()
        for connection in broken {
            for link in [pair, pair.reversed] {
                loseSome(of: connection, link)
                send(.closed, by: connection, link)
            }
            whole[connection] = nil
        }
    }

    /// All connections between two end, and both have seen it; all that was under way is lost.
    mutating func end(_ pair: Link) {
        underWay.removeAll { $0.link == pair || $0.link == pair.reversed }
        whole = whole.filter { $0.value != pair && $0.value != pair.reversed }
    }

    /// A process is there no more: nothing reaches it, of what it said last some is lost, and the others see it.
    mutating func crash(_ replica: Int, among count: Int) {
        for other in 0..<count where other != replica { cut(Link(from: replica, to: other)) }
        underWay.removeAll { $0.link.to == replica }
    }

    private mutating func send(_ news: News, by connection: Int, _ link: Link) {
        let isStalled = Int.random(in: 0..<1_000, using: &generator) < stallsPerMille
        let delay = Int64.random(in: isStalled ? 1_000...8_000 : 1...60, using: &generator)
        let last = underWay.last { $0.connection == connection && $0.link == link }
        let time = max(last?.at ?? now, now + .milliseconds(delay))
        underWay.append(Arrival(at: time, link: link, connection: connection, news: news))
    }

    private mutating func loseSome(of connection: Int, _ link: Link) {
        let said = underWay.indices.filter { underWay[$0].connection == connection && underWay[$0].link == link }
        for index in said.suffix(Int.random(in: 0...said.count, using: &generator)).reversed() {
            underWay.remove(at: index)
        }
    }
}
