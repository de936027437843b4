// SPDX-License-Identifier: Apache-2.0

import Crypto
import MeshCore
import NIOCore
import TestSupport
import Testing

@Suite struct PeerTableTests {
    private typealias Action = PeerTable.Action
    private let start = NIODeadline.uptimeNanoseconds(1_000_000_000)
    private let home: Endpoint
    /// In order, so that it is clear whose id is lower: ours is the one in the middle.
    private let ids: [DeviceID]
    private var generator = SeededGenerator(seed: 1)
    private var table: PeerTable

    private var own: DeviceID { ids[1] }
    private var low: DeviceID { ids[0] }
    private var high: DeviceID { ids[2] }

    init() throws {
        home = try #require(Endpoint("192.0.2.1:9000"))
        ids = (0..<3).map { _ in DeviceID(of: P256.Signing.PrivateKey().publicKey) }.sorted()
        table = PeerTable(ownID: ids[1], policy: PeerPolicy())
    }

    @Test mutating func `a device that is sighted is announced and dialed, oneself never`() {
        let actions = table.listed([whereabouts(own), whereabouts(high)], at: start)
        #expect(actions == [.announce(.found(high, name: "n", at: [home])), .dial(high, [home])])
        #expect(table.listed([whereabouts(own), whereabouts(high)], at: start) == [])
    }

    @Test mutating func `a device that is not verified is only listed`() {
        let actions = table.listed([whereabouts(high, isVerified: false)], at: start)
        #expect(actions == [.announce(.found(high, name: "n", at: [home]))])
        #expect(table.listed([whereabouts(high)], at: start) == [.dial(high, [home])])
    }

    @Test mutating func `a failed dial is told once and tried again after a time that grows`() throws {
        _ = table.listed([whereabouts(high)], at: start)
        var now = start
        var waits: [TimeAmount] = []
        for attempt in 0..<10 {
            let actions = table.dialFailed(high, .noAddress, at: now, using: &generator)
            let deadline = try #require(actions.compactMap(\.deadline).first)
            waits.append(deadline - now)
            let news = PeerNews.unreachable(high, name: "n", .noAddress, dialingAgainIn: deadline - now)
            #expect(actions == (attempt == 0 ? [.announce(news)] : []) + [.setTimer(deadline)])
            now = deadline
            #expect(table.timerFired(at: now) == [.dial(high, [home])])
        }
        #expect(waits.allSatisfy { $0 >= .milliseconds(500) && $0 <= .seconds(60) })
        #expect(waits.max().map { $0 > .seconds(5) } == true)
    }

    @Test mutating func `a new address is dialed at once`() throws {
        let moved = try #require(Endpoint("192.0.2.2:9000"))
        _ = table.listed([whereabouts(high)], at: start)
        _ = table.dialFailed(high, .noAddress, at: start, using: &generator)
        let anew = Whereabouts(id: high, name: "n", endpoints: [moved], isVerified: true)
        #expect(table.listed([anew], at: start) == [.dial(high, [moved])])
    }

    @Test mutating func `a device that left the registry is no longer dialed, but keeps its connection`() {
        _ = table.listed([whereabouts(high), whereabouts(low)], at: start)
        _ = table.dialFailed(high, .noAddress, at: start, using: &generator)
        _ = table.greeted(facts(1, .outbound), by: low, name: "low", at: start)
        #expect(table.listed([], at: start) == [])
        #expect(table.known.keys.map(\.self) == [low])
        #expect(table.timerFired(at: start + .minutes(2)) == [])
        #expect(
            table.connectionClosed(1, .lost, at: start, using: &generator)
                == [.announce(.lost(low, name: "low", .lost, dialingAgainIn: nil))]
        )
        #expect(table.known.isEmpty)
    }

    @Test mutating func `a connection from a listed device is admitted`() {
        _ = table.listed([whereabouts(high, isVerified: false)], at: start)
        #expect(
            table.greeted(facts(1, .inbound), by: high, name: "high", at: start)
                == [.admit(1), .announce(.connected(high, name: "high", connection: 1))]
        )
    }

    @Test mutating func `a device that is not listed yet is looked up, once, and then admitted or refused`() {
        #expect(table.greeted(facts(1, .inbound), by: high, name: "high", at: start) == [.lookUp(high)])
        #expect(table.greeted(facts(2, .inbound), by: high, name: "high", at: start) == [])
        _ = table.connectionClosed(2, .lost, at: start, using: &generator)
        #expect(
            table.lookedUp(high, whereabouts(high), at: start) == [
                .announce(.found(high, name: "n", at: [home])), .admit(1),
                .announce(.connected(high, name: "high", connection: 1)),
            ]
        )
        #expect(table.greeted(facts(3, .inbound), by: low, name: "low", at: start) == [.lookUp(low)])
        #expect(table.lookedUp(low, nil, at: start) == [.announce(.refused(low, name: "low")), .close(3, .notListed)])
        #expect(table.greeted(facts(4, .inbound), by: own, name: "me", at: start) == [.close(4, .notListed)])
    }

    @Test func `a device that is not listed is admitted where the operator wants that`() {
        var policy = PeerPolicy()
        policy.acceptsUnlisted = true
        var table = PeerTable(ownID: own, policy: policy)
        #expect(table.greeted(facts(1, .inbound), by: high, name: "high", at: start).first == .admit(1))
    }

    @Test(
        arguments: [
            // The older, the newer, whether the other side was restarted, and which stays.
            (.outbound, .inbound, false, "higher", 1), (.inbound, .outbound, false, "higher", 2),
            (.outbound, .inbound, false, "lower", 2), (.inbound, .outbound, false, "lower", 1),
            (.outbound, .outbound, false, "lower", 2), (.inbound, .inbound, false, "higher", 2),
            (.outbound, .inbound, true, "higher", 2), (.inbound, .outbound, true, "lower", 2),
        ] as [(PeerDirection, PeerDirection, Bool, String, Int)]
    )
    func `of two connections the one stays that the rule says`(
        older: PeerDirection,
        newer: PeerDirection,
        isRestarted: Bool,
        other: String,
        stays: Int
    ) {
        var table = PeerTable(ownID: own, policy: PeerPolicy())
        let id = other == "lower" ? low : high
        _ = table.listed([whereabouts(id)], at: start)
        _ = table.greeted(facts(1, older), by: id, name: "n", at: start)
        let actions = table.greeted(facts(2, newer, instance: isRestarted ? 2 : 1), by: id, name: "n", at: start)
        let admission: [Action] = stays == 2 && newer == .inbound ? [.admit(2)] : []
        #expect(actions == [.close(3 - stays, .duplicate)] + admission)
        #expect(table.known[id]?.connection?.number == stays)
    }

    @Test mutating func `a lost connection is told and dialed again, soon if it had lived`() throws {
        _ = table.listed([whereabouts(high)], at: start)
        for _ in 0..<8 { _ = table.dialFailed(high, .noAddress, at: start, using: &generator) }
        _ = table.greeted(facts(1, .outbound), by: high, name: "high", at: start)
        let actions = table.connectionClosed(1, .lost, at: start + .seconds(10), using: &generator)
        let wait = try #require(actions.compactMap(\.deadline).first) - (start + .seconds(10))
        #expect(wait <= .seconds(1))
        #expect(actions.first == .announce(.lost(high, name: "high", .lost, dialingAgainIn: wait)))
    }

    @Test mutating func `moving to the connection that the other side prefers is no loss`() {
        _ = table.listed([whereabouts(high)], at: start)
        _ = table.greeted(facts(1, .inbound), by: high, name: "high", at: start)
        // Our dial is still under way when the other side closes the connection that it dialed.
        #expect(table.connectionClosed(1, .goodbye(.duplicate), at: start, using: &generator) == [])
        #expect(table.greeted(facts(2, .outbound), by: high, name: "high", at: start) == [])
        #expect(table.known[high]?.connection?.number == 2)
    }

    @Test func `there are no more peers and dials than the bounds say`() throws {
        var policy = PeerPolicy()
        (policy.peers, policy.dials, policy.devices) = (2, 1, 3)
        var table = PeerTable(ownID: own, policy: policy)
        let others = (0..<5).map { _ in DeviceID(of: P256.Signing.PrivateKey().publicKey) }.sorted()
        let actions = table.listed(others.map { whereabouts($0) }, at: start)
        #expect(actions.filter(\.isDial).count == 1)
        #expect(actions.contains(.announce(.full(limit: 3))))
        #expect(table.known.count == 3)
        #expect(table.greeted(facts(1, .outbound), by: others[0], name: "n", at: start).filter(\.isDial).count == 1)
        #expect(table.greeted(facts(2, .outbound), by: others[1], name: "n", at: start).filter(\.isDial).isEmpty)
        #expect(table.greeted(facts(3, .inbound), by: others[2], name: "n", at: start) == [.close(3, .tooManyPeers)])
        var generator = SeededGenerator(seed: 1)
        let freed = table.connectionClosed(2, .lost, at: start, using: &generator)
        #expect(freed.contains(.dial(others[2], [home])))
    }

    private func whereabouts(_ id: DeviceID, isVerified: Bool = true) -> Whereabouts {
        Whereabouts(id: id, name: "n", endpoints: [home], isVerified: isVerified)
    }

    private func facts(_ number: Int, _ direction: PeerDirection, instance: UInt64 = 1) -> PeerConnectionFacts {
        PeerConnectionFacts(number: number, direction: direction, instance: instance)
    }
}

extension PeerTable.Action {
    fileprivate var deadline: NIODeadline? {
        if case .setTimer(let deadline) = self { deadline } else { nil }
    }

    fileprivate var isDial: Bool {
        if case .dial = self { true } else { false }
    }
}
