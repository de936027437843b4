// SPDX-License-Identifier: Apache-2.0

import MeshCore
import SwiftProtobuf
import TestSupport

/// Both ends of a session in memory, whose connections keep the order of what is said until they break, and with them
/// whatever is on its way.
struct SessionPair {
    private struct Disk {
        var kept: [KeptText] = []
        var received = ReceivedTexts()
    }

    private var ends: [PeerSession]
    private var disks = [Disk(), Disk()]
    private var instances: [UInt64] = [1, 2]
    /// What is on its way to each end; nil where there is no connection.
    private var arriving: [[WirePeerMessage]]?
    private var count = 0
    var generator: SeededGenerator
    private(set) var moves = 0
    /// What each end has sent, as far as it need not be lost; what it has shown; and how much it knows to be shown.
    private(set) var sent: [[String]] = [[], []]
    private(set) var shown: [[String]] = [[], []]
    private(set) var delivered = [0, 0]

    init(seed: UInt64) {
        generator = SeededGenerator(seed: seed)
        ends = instances.map { PeerSession(instance: $0) }
    }

    mutating func step() throws {
        switch Int.random(in: 0..<10, using: &generator) {
        case 0..<3: submit(at: Int.random(in: 0..<2, using: &generator))
        case 3: move()
        default: try deliver()
        }
    }

    /// Another connection takes the place of the one there is.
    mutating func move() {
        breaks()
        arriving = [[], []]
        moves += 1
        for end in 0..<2 { perform(ends[end].connected(instances[1 - end]), by: end) }
    }

    mutating func settle() throws {
        move()
        while try deliver() {}
    }

    /// An end is killed: what is not on its disk is lost, and so not asked for.
    mutating func restart(_ end: Int) {
        breaks(except: end)
        instances[end] += 2
        let kept = disks[end].kept
        ends[end] = PeerSession(instance: instances[end], kept: kept, received: disks[end].received)
        let certain = Set(shown[1 - end]).union(kept.map(\.text))
        sent[end].removeAll { !certain.contains($0) }
    }

    private mutating func breaks(except killed: Int? = nil) {
        guard arriving != nil else { return }
        arriving = nil
        for end in 0..<2 where end != killed { perform(ends[end].disconnected(), by: end) }
    }

    private mutating func submit(at end: Int) {
        count += 1
        let text = "text \(count)"
        guard let actions = ends[end].submitted(text, token: count, time: .init()) else { return }
        sent[end].append(text)
        perform(actions, by: end)
    }

    /// False if nothing is on its way.
    @discardableResult private mutating func deliver() throws -> Bool {
        let busy = (0..<2).filter { arriving?[$0].isEmpty == false }
        guard let end = busy.randomElement(using: &generator), let message = arriving?[end].removeFirst() else {
            return false
        }
        switch message.body {
        case .resume(let resume): perform(try ends[end].received(resume), by: end)
        case .acknowledgement(let number): perform(try ends[end].received(number), by: end)
        case nil: perform(try ends[end].received([message]), by: end)
        case .greeting, .heartbeat, .heartbeatAnswer, .goodbye, .storeDigest, .storeRequest, .storeAnswer, .storePush,
            .probe,
            .probeAnswer, .masterClaim:
            break
        }
        return true
    }

    private mutating func perform(_ actions: [PeerSession.Action], by end: Int) {
        for action in actions {
            switch action {
            case .send(let message): arriving?[1 - end].append(message)
            case .show(let text): shown[end].append(text)
            case .note(let received): disks[end].received = received
            case .acknowledge(let number):
                arriving?[1 - end].append(.with { $0.acknowledgement = .with { $0.number = number } })
            case .delivered(let tokens): delivered[end] += tokens.count
            case .keep(let texts): disks[end].kept = texts
            }
        }
    }
}
