// SPDX-License-Identifier: Apache-2.0

import MeshCore
import SwiftProtobuf
import TestSupport
import Testing

@Suite struct PeerSessionTests {
    @Test func `a session that is moved between connections a thousand times loses and repeats nothing`() async throws {
        for seed in Simulation.seeds {
            // Other tests have their turn as well.
            await Task.yield()
            var pair = SessionPair(seed: seed)
            // Those that are moved a few times fail sooner, and are more.
            let moves = seed % 50 == 0 ? 1_000 : 20
            while pair.moves < moves { try pair.step() }
            try pair.settle()
            for side in 0..<2 {
                let (shown, sent) = (pair.shown[1 - side], pair.sent[side])
                #expect(shown == sent, "seed \(seed): \(Simulation.again(seed))")
                #expect(pair.delivered[side] == sent.count, "seed \(seed): \(Simulation.again(seed))")
            }
        }
    }

    @Test func `also when either side is killed and started again, a text that was kept arrives once`() async throws {
        for seed in Simulation.seeds {
            // Other tests have their turn as well.
            await Task.yield()
            var pair = SessionPair(seed: seed)
            for _ in 0..<200 {
                try pair.step()
                if Int.random(in: 0..<40, using: &pair.generator) == 0 {
                    pair.restart(Int.random(in: 0..<2, using: &pair.generator))
                }
            }
            try pair.settle()
            for side in 0..<2 {
                let (shown, kept) = (pair.shown[1 - side], pair.sent[side])
                #expect(shown == kept, "seed \(seed): \(Simulation.again(seed))")
            }
        }
    }

    @Test func `what is acknowledged, numbered or resumed wrongly is a violation`() throws {
        var session = PeerSession(instance: 1)
        _ = session.submitted("one", token: 1, time: .init())
        #expect(throws: PeerViolation.notResumed) { try session.received(acknowledgement(1)) }
        _ = session.connected(2)
        #expect(throws: PeerViolation.wrongAcknowledgement) { try session.received(resume(1, 2)) }
        #expect(throws: PeerViolation.wrongAcknowledgement) { try session.received(resume(1, .max)) }
        let sent = try session.received(resume(0, 0))
        #expect(sent.last == .send(.text("one", 1)))
        #expect(throws: PeerViolation.secondResume) { try session.received(resume(0, 0)) }
        #expect(throws: PeerViolation.wrongAcknowledgement) { try session.received(acknowledgement(2)) }
        #expect(throws: PeerViolation.wrongAcknowledgement) { try session.received(acknowledgement(.max)) }
        for (number, fault) in [(0, 1), (2, 1), (UInt64.max, 1)] as [(UInt64, UInt64)] {
            #expect(throws: PeerViolation.wrongNumber(expected: fault, received: number)) {
                try session.received([.text("x", number)])
            }
        }
        #expect(throws: PeerViolation.invalidText(.controlCharacter)) { try session.received([.text("a\u{1B}[2J", 1)]) }
        #expect(throws: PeerViolation.invalidText(.controlCharacter)) {
            try session.received([.text("a", 1), .text("a\u{1B}[2J", 2)])
        }
        // The first of these two was not shown, and so it counts as not received.
        #expect(try session.received([.text("a", 1)]).first == .show("a"))
        #expect(try session.received(acknowledgement(1)) == [.delivered([1]), .keep([])])
    }

    @Test func `no more texts are under way than the window holds, and no more wait than the limit`() throws {
        var session = PeerSession(instance: 1)
        _ = session.connected(2)
        _ = try session.received(resume(1, 0))
        var sent = 0
        for token in 0..<PeerLimits.pendingTexts {
            let actions = session.submitted("x", token: token, time: .init())
            sent += actions?.count ?? 0
        }
        #expect(sent == PeerLimits.window)
        #expect(session.submitted("x", token: 0, time: .init()) == nil)
        let actions = try session.received(acknowledgement(10))
        #expect(actions.count == 11 && actions.first == .delivered(Array(0..<10)))
    }

    @Test func `a disk that has forgotten the last texts gets the next ones all the same`() throws {
        var session = PeerSession(instance: 1)
        _ = session.connected(2)
        _ = try session.received(resume(1, 0))
        _ = session.submitted("one", token: 1, time: .init())
        _ = try session.received(acknowledgement(1))
        _ = session.disconnected()
        _ = session.connected(2)
        _ = try session.received(resume(1, 0))
        #expect(session.submitted("two", token: 2, time: .init()) == [.send(.text("two", 1))])
    }

    private func resume(_ instance: UInt64, _ received: UInt64) -> WireResume {
        .with { ($0.instance, $0.received) = (instance, received) }
    }

    private func acknowledgement(_ number: UInt64) -> WireAcknowledgement { .with { $0.number = number } }
}
