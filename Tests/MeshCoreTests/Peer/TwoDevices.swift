// SPDX-License-Identifier: Apache-2.0

import Crypto
import MeshCore
import NIOCore
import TestSupport

/// Two devices that both dial, their tables and the machines of all their connections, and between them a network in
/// memory that delivers in any order of connections, and breaks them.
struct TwoDevices {
    /// One end of a connection, and what is on its way to it.
    private struct End {
        var machine: PeerConnection
        let isDialer: Bool
        var arriving: [WirePeerMessage] = []
        var otherEndClosed = false
        var greeted = false
        var timer: NIODeadline?
    }

    private struct Node {
        let id: DeviceID
        var instance: UInt64
        var table: PeerTable
        var ends: [Int: End] = [:]
        var timer: NIODeadline?
    }

    private var nodes: [Node]
    /// Dials that have not reached the other side: who, and the connection's number.
    private var dialing: [(node: Int, number: Int)] = []
    private var numbers = 0
    private(set) var now = NIODeadline.uptimeNanoseconds(1_000_000_000)
    var generator: SeededGenerator
    private let policy = PeerPolicy()

    init(seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        nodes = try (0..<2).map { index in
            let secret = (0..<32).map { _ in UInt8.random(in: 1...254, using: &generator) }
            let id = try DeviceID(of: P256.Signing.PrivateKey(rawRepresentation: secret).publicKey)
            return Node(id: id, instance: UInt64(index + 1), table: PeerTable(ownID: id, policy: PeerPolicy()))
        }
        self.generator = generator
        for node in 0..<2 { list(node) }
    }

    /// The connection that each device takes for the one it has.
    var current: [Int?] { (0..<2).map { nodes[$0].table.known[nodes[1 - $0].id]?.connection?.number } }
    /// The connections that are open at each device.
    var open: [[Int]] { nodes.map { $0.ends.keys.sorted() } }

    /// Something happens, whatever the seed says; with `losses`, also what should not.
    mutating func step(losses: Bool) {
        var events: [(inout TwoDevices) -> Void] = []
        for (node, number) in dialing {
            events.append { $0.connected(node, number) }
            if losses { events.append { $0.dialBroke(node, number) } }
        }
        for node in 0..<2 {
            for (number, end) in nodes[node].ends.sorted(by: { $0.key < $1.key }) {
                if !end.arriving.isEmpty {
                    events.append { $0.deliver(to: node, number) }
                } else if end.otherEndClosed {
                    events.append { $0.feed(node, number) { machine, _ in machine.inputClosed() } }
                }
                if losses, Int.random(in: 0..<20, using: &generator) == 0 {
                    events.append { $0.breaks(number) }
                }
            }
        }
        if losses, Int.random(in: 0..<100, using: &generator) == 0 {
            let node = Int.random(in: 0..<2, using: &generator)
            events.append { $0.restart(node) }
        }
        guard let event = events.randomElement(using: &generator) else { return passTime() }
        event(&self)
    }

    /// Nothing is on its way any more, and nobody dials.
    var isQuiet: Bool {
        dialing.isEmpty && nodes.allSatisfy { $0.ends.values.allSatisfy { $0.arriving.isEmpty && !$0.otherEndClosed } }
    }

    mutating func passTime() {
        let due = nodes.flatMap { [$0.timer] + $0.ends.values.map(\.timer) }.compactMap(\.self).min()
        guard let due else { return }
        now = max(now, due)
        for node in 0..<2 {
            if let timer = nodes[node].timer, timer <= now {
                nodes[node].timer = nil
                perform(nodes[node].table.timerFired(at: now), at: node)
            }
            for (number, end) in nodes[node].ends.sorted(by: { $0.key < $1.key }) {
                guard let timer = end.timer, timer <= now else { continue }
                nodes[node].ends[number]?.timer = nil
                feed(node, number) { machine, now in machine.timerFired(at: now) }
            }
        }
    }

    private mutating func list(_ node: Int) {
        let other = nodes[1 - node].id
        let endpoint = Endpoint(host: "192.0.2.1", port: 1)
        let whereabouts = Whereabouts(id: other, name: nil, endpoints: [endpoint].compactMap(\.self), isVerified: true)
        perform(nodes[node].table.listed([whereabouts], at: now), at: node)
    }

    /// A device that is killed and started again knows nothing, and none of its connections.
    private mutating func restart(_ node: Int) {
        dialing.removeAll { $0.node == node }
        for number in nodes[node].ends.keys { nodes[1 - node].ends[number]?.otherEndClosed = true }
        nodes[node].instance += 2
        nodes[node].ends = [:]
        nodes[node].timer = nil
        nodes[node].table = PeerTable(ownID: nodes[node].id, policy: policy)
        list(node)
    }

    private mutating func connected(_ node: Int, _ number: Int) {
        dialing.removeAll { $0.number == number }
        for (index, direction) in [(node, PeerDirection.outbound), (1 - node, .inbound)] {
            let greeting = PeerGreeting(name: "n\(index)", version: "", instance: nodes[index].instance)
            let machine = PeerConnection(direction: direction, greeting: greeting, timing: PeerTiming())
            nodes[index].ends[number] = End(machine: machine, isDialer: direction == .outbound)
        }
        for index in [node, 1 - node] { feed(index, number) { machine, now in machine.opened(at: now) } }
    }

    private mutating func dialBroke(_ node: Int, _ number: Int) {
        dialing.removeAll { $0.number == number }
        perform(nodes[node].table.dialFailed(nodes[1 - node].id, .noAddress, at: now, using: &generator), at: node)
    }

    private mutating func deliver(to node: Int, _ number: Int) {
        guard let message = nodes[node].ends[number]?.arriving.removeFirst() else { return }
        feed(node, number) { machine, now in machine.received(message, at: now) }
    }

    /// Both ends lose the connection, and what is on its way.
    private mutating func breaks(_ number: Int) {
        for node in 0..<2 {
            nodes[node].ends[number]?.arriving = []
            nodes[node].ends[number]?.otherEndClosed = true
        }
    }

    private mutating func feed(
        _ node: Int,
        _ number: Int,
        _ event: (inout PeerConnection, NIODeadline) -> [PeerConnection.Action]
    ) {
        guard var end = nodes[node].ends[number] else { return }
        let actions = event(&end.machine, now)
        nodes[node].ends[number] = end
        for action in actions { perform(action, at: node, number) }
    }

    private mutating func perform(_ action: PeerConnection.Action, at node: Int, _ number: Int) {
        let other = nodes[1 - node].id
        switch action {
        case .send(let message): nodes[1 - node].ends[number]?.arriving.append(message)
        case .greeted(let greeting):
            guard let isDialer = nodes[node].ends[number]?.isDialer else { return }
            nodes[node].ends[number]?.greeted = true
            let facts = PeerConnectionFacts(
                number: number,
                direction: isDialer ? .outbound : .inbound,
                instance: greeting.instance
            )
            perform(nodes[node].table.greeted(facts, by: other, name: greeting.name, at: now), at: node)
        case .setTimer(let deadline): nodes[node].ends[number]?.timer = deadline
        case .close(let reason):
            guard let end = nodes[node].ends.removeValue(forKey: number) else { return }
            nodes[1 - node].ends[number]?.otherEndClosed = true
            if end.greeted {
                perform(nodes[node].table.connectionClosed(number, reason, at: now, using: &generator), at: node)
            } else if end.isDialer, let endpoint = Endpoint(host: "192.0.2.1", port: 1) {
                let fault = DialFault.ended(endpoint, reason)
                perform(nodes[node].table.dialFailed(other, fault, at: now, using: &generator), at: node)
            }
        case .deliver, .detect, .answered, .unanswered: break
        }
    }

    private mutating func perform(_ actions: [PeerTable.Action], at node: Int) {
        for action in actions {
            switch action {
            case .dial:
                numbers += 1
                dialing.append((node, numbers))
            case .admit(let number): feed(node, number) { machine, now in machine.admitted(at: now) }
            case .close(let number, let reason):
                feed(node, number) { machine, now in machine.closeRequested(reason, at: now) }
            case .setTimer(let deadline): nodes[node].timer = deadline
            case .lookUp, .announce: break
            }
        }
    }
}
