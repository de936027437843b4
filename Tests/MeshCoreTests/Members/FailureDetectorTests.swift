// SPDX-License-Identifier: Apache-2.0

import Foundation
import MeshCore
import NIOCore
import SwiftProtobuf
import TestSupport
import Testing

@Suite struct FailureDetectorSimulationTests {
    /// Each of the four tests of schedules has a quarter of them.
    private static func seeds(of test: UInt64) -> [UInt64] { Simulation.seeds.filter { $0 % 4 == test } }

    /// Some are many; the work grows with the square.
    private static func devices(_ fewest: Int, _ seed: UInt64) -> Int {
        fewest + Int(seed / 4 % (seed % 25 < 4 ? 7 : 3))
    }

    @Test func `who is killed is dead for all others within three seconds`() async throws {
        for seed in Self.seeds(of: 0) {
            // Other tests have their turn as well.
            await Task.yield()
            var mesh = try DetectorMesh(devices: Self.devices(2, seed), seed: seed)
            mesh.run(for: .milliseconds(Int64.random(in: 100...2_000, using: &mesh.generator)))
            mesh.kill(0)
            mesh.run(for: .seconds(3))
            for device in mesh.survivors {
                let state = mesh.state(of: 0, at: device)
                #expect(state == .dead, "seed \(seed), device \(device): \(Simulation.again(seed))")
            }
        }
    }

    @Test func `neither loss nor a starved processor makes the living look dead`() async throws {
        for seed in Self.seeds(of: 1) {
            // Other tests have their turn as well.
            await Task.yield()
            var mesh = try DetectorMesh(devices: Self.devices(3, seed), seed: seed)
            mesh.lossPerMille = 20
            // Now and then for long.
            for _ in 0..<(seed % 25 == 0 ? 6 : 1) {
                mesh.starve(Int.random(in: mesh.ids.indices, using: &mesh.generator), for: .seconds(1))
                mesh.run(for: .seconds(5))
            }
            let dead = mesh.told.flatMap(\.self).count { $0.1 == .dead }
            #expect(dead == 0, "seed \(seed): \(Simulation.again(seed))")
        }
    }

    @Test func `all agree on the lowest id that lives, and on another within five seconds when it dies`() async throws {
        for seed in Self.seeds(of: 2) {
            // Other tests have their turn as well.
            await Task.yield()
            var mesh = try DetectorMesh(devices: Self.devices(2, seed), seed: seed)
            mesh.run(for: .seconds(1))
            let first = try agreed(mesh, seed)
            #expect(first.master == mesh.ids.min())
            mesh.kill(try #require(mesh.ids.firstIndex(of: first.master)))
            mesh.run(for: .seconds(5))
            let second = try agreed(mesh, seed)
            #expect(second.master == mesh.survivors.map { mesh.ids[$0] }.min() && second.term > first.term)
        }
    }

    @Test func `two sides of a partition have a master each; healed, they have one`()
        async throws
    {
        for seed in Self.seeds(of: 3) {
            // Other tests have their turn as well.
            await Task.yield()
            let sides = seed % 25 < 4 ? [0, 0, 0, 1, 1] : [0, 0, 1]
            var mesh = try DetectorMesh(devices: sides.count, seed: seed)
            mesh.run(for: .seconds(1))
            let before = try agreed(mesh, seed)
            mesh.split(sides)
            mesh.run(for: .seconds(5))
            for side in 0..<2 {
                let members = sides.indices.filter { sides[$0] == side }
                for device in members {
                    let claim = mesh.claim(at: device)
                    #expect(claim?.master == members.map { mesh.ids[$0] }.min(), "\(Simulation.again(seed))")
                    #expect(mesh.agreeing(at: device) == members.count, "\(Simulation.again(seed))")
                }
            }
            mesh.heal()
            mesh.run(for: .seconds(5))
            let after = try agreed(mesh, seed)
            #expect(after.master == before.master && after.term > before.term)
        }
    }

    @Test func `what strangers say, and news of nobody, change nothing`() throws {
        let mesh = try DetectorMesh(devices: 3, seed: 1)
        var detector = FailureDetector(ownID: mesh.ids[0], incarnation: 1)
        let now = mesh.now
        let dead = WireMemberNews.with { ($0.member, $0.state) = (.init(mesh.ids[1].bytes), .dead) }
        let probe = WireProbe.with { $0.news = [dead] }
        // That this device lives is true, whoever asks.
        let answer = FailureDetector.Action.send(.probeAnswer(WireProbeAnswer()), to: mesh.ids[2])
        #expect(detector.received(probe, from: mesh.ids[2], at: now) == [answer])
        let errand = WireProbe.with { $0.target = .init(mesh.ids[1].bytes) }
        #expect(detector.received(errand, from: mesh.ids[2], at: now) == [])
        _ = detector.connected(mesh.ids[1], at: now)
        _ = detector.connected(mesh.ids[2], at: now)
        let nobody = WireProbe.with { $0.news = [.with { $0.member = .init([1, 2, 3]) }] }
        _ = detector.received(nobody, from: mesh.ids[2], at: now)
        #expect(detector.state(of: mesh.ids[1]) == .alive)
        // Of a device with a connection it is only a suspicion.
        _ = detector.received(probe, from: mesh.ids[2], at: now)
        #expect(detector.state(of: mesh.ids[1]) == .suspect)
    }

    @Test func `a refutation goes to all once, and again only to who has not heard it`() throws {
        let mesh = try DetectorMesh(devices: 10, seed: 1)
        var detector = FailureDetector(ownID: mesh.ids[0], incarnation: 1)
        for id in mesh.ids[1...] { _ = detector.connected(id, at: mesh.now) }
        let suspicion = WireMemberNews.with {
            ($0.member, $0.state, $0.incarnation) = (.init(mesh.ids[0].bytes), .suspect, 1)
        }
        func receivers(_ actions: [FailureDetector.Action]) throws -> [DeviceID] {
            try actions.compactMap { action in
                guard case .send(.probe(let probe), let id) = action else { return nil }
                let news = try #require(probe.news.first { $0.member.elementsEqual(mesh.ids[0].bytes) })
                #expect(news.state == .alive && news.incarnation == 2)
                return id
            }
        }
        let answer = WireProbeAnswer.with { $0.news = [suspicion] }
        let first = detector.received(answer, from: mesh.ids[3], at: mesh.now)
        #expect(try Set(receivers(first)) == Set(mesh.ids[1...]))
        let second = detector.received(answer, from: mesh.ids[4], at: mesh.now)
        #expect(try receivers(second) == [mesh.ids[4]])
    }

    @Test func `who is heard is not dead yet, and no suspect where nobody else suspects it`() throws {
        let mesh = try DetectorMesh(devices: 4, seed: 1)
        var detector = FailureDetector(ownID: mesh.ids[0], incarnation: 1)
        for id in mesh.ids[1...] { _ = detector.connected(id, at: mesh.now) }
        _ = detector.disconnected(mesh.ids[1], at: mesh.now)
        #expect(detector.heard(mesh.ids[1], at: mesh.now) == [.changed(mesh.ids[1], .alive)])

        let suspicion = WireMemberNews.with { ($0.member, $0.state) = (.init(mesh.ids[1].bytes), .suspect) }
        for id in mesh.ids[2...] {
            _ = detector.received(WireProbeAnswer.with { $0.news = [suspicion] }, from: id, at: mesh.now)
        }
        var (now, generator) = (mesh.now, mesh.generator)
        func pass(_ time: TimeAmount) {
            let end = now + time
            while now < end {
                now = now + .milliseconds(10)
                _ = detector.timerFired(at: now, using: &generator)
            }
        }
        let shortest = DetectorTiming().period * 2
        pass(shortest - .milliseconds(100))
        _ = detector.heard(mesh.ids[1], at: now)
        pass(shortest - .milliseconds(100))
        #expect(detector.state(of: mesh.ids[1]) == .suspect)
        pass(.seconds(30))
        #expect(detector.state(of: mesh.ids[1]) == .dead)
    }

    @Test func `an answer counts from who was asked alone`() throws {
        let mesh = try DetectorMesh(devices: 3, seed: 1)
        var detector = FailureDetector(ownID: mesh.ids[0], incarnation: 1)
        for id in mesh.ids[1...] { _ = detector.connected(id, at: mesh.now) }
        // On behalf of the second, the third is probed.
        let errand = WireProbe.with { ($0.number, $0.target) = (7, .init(mesh.ids[2].bytes)) }
        var asked: UInt64?
        for case .send(.probe(let probe), mesh.ids[2]) in detector.received(errand, from: mesh.ids[1], at: mesh.now) {
            asked = probe.number
        }
        let answer = WireProbeAnswer.with { $0.number = asked ?? 0 }
        let forged = detector.received(answer, from: mesh.ids[1], at: mesh.now)
        #expect(!forged.contains { if case .send = $0 { true } else { false } })
        let told = detector.received(answer, from: mesh.ids[2], at: mesh.now)
        #expect(told.contains(.send(.probeAnswer(.with { $0.number = 7 }), to: mesh.ids[1])))
    }

    @Test func `who is heard need not answer a probe`() throws {
        let mesh = try DetectorMesh(devices: 2, seed: 1)
        var detector = FailureDetector(ownID: mesh.ids[0], incarnation: 1)
        _ = detector.connected(mesh.ids[1], at: mesh.now)
        var generator = mesh.generator
        let round = mesh.now + .milliseconds(500)
        _ = detector.timerFired(at: round, using: &generator)
        _ = detector.heard(mesh.ids[1], at: round + .milliseconds(200))
        _ = detector.timerFired(at: round + .milliseconds(500), using: &generator)
        #expect(detector.state(of: mesh.ids[1]) == .alive)
    }

    @Test func `a probe that was answered wakes nobody before the next round`() throws {
        let mesh = try DetectorMesh(devices: 2, seed: 1)
        var detector = FailureDetector(ownID: mesh.ids[0], incarnation: 1)
        _ = detector.connected(mesh.ids[1], at: mesh.now)
        let round = mesh.now + .milliseconds(500)
        var generator = mesh.generator
        let probing = detector.timerFired(at: round, using: &generator)
        #expect(probing.contains(.setTimer(round + .milliseconds(250))))
        guard case .send(.probe(let probe), _)? = probing.first else {
            Issue.record("no probe was sent")
            return
        }
        let answer = WireProbeAnswer.with { $0.number = probe.number }
        let answered = detector.received(answer, from: mesh.ids[1], at: round + .milliseconds(1))
        #expect(
            answered == [
                .measured(mesh.ids[1], roundTrip: .milliseconds(1)), .setTimer(round + .milliseconds(500)),
            ]
        )
    }

    @Test func `numbers that nobody counts to are not heard`() throws {
        let mesh = try DetectorMesh(devices: 3, seed: 1)
        var detector = FailureDetector(ownID: mesh.ids[0], incarnation: 1)
        _ = detector.connected(mesh.ids[1], at: mesh.now)
        _ = detector.connected(mesh.ids[2], at: mesh.now)
        let suspect = WireMemberNews.with {
            ($0.member, $0.state, $0.incarnation) = (.init(mesh.ids[1].bytes), .suspect, .max)
        }
        _ = detector.received(WireProbe.with { $0.news = [suspect] }, from: mesh.ids[2], at: mesh.now)
        #expect(detector.state(of: mesh.ids[1]) == .alive)
        var mastership = Mastership(ownID: mesh.ids[0], term: 1)
        _ = mastership.started()
        let claim = WireMasterClaim.with { ($0.term, $0.master) = (1 << 62, .init(mesh.ids[1].bytes)) }
        #expect(mastership.received(claim, from: mesh.ids[1]).isEmpty)
    }

    @Test func `a claim that comes before its device is known to live counts when it is`() throws {
        let ids = try DetectorMesh(devices: 3, seed: 1).ids.sorted()
        var mastership = Mastership(ownID: ids[2], term: 0)
        _ = mastership.started()
        let claim = WireMasterClaim.with { ($0.term, $0.master) = (5, .init(ids[0].bytes)) }
        for id in ids[..<2] { _ = mastership.received(claim, from: id) }
        _ = mastership.changed(living: [ids[1]])
        // This one took itself for master meanwhile: the lowest is asked for a newer claim.
        let asked = WireMasterClaim.with { ($0.term, $0.master) = (6, .init(ids[2].bytes)) }
        #expect(mastership.changed(living: [ids[0], ids[1]]) == [.send(.masterClaim(asked), to: ids[0])])
    }

    @Test func `the highest number that is heard can still be refuted`() throws {
        let mesh = try DetectorMesh(devices: 2, seed: 1)
        let highest: UInt64 = (1 << 62) - 1
        var detectors = mesh.ids.map { FailureDetector(ownID: $0, incarnation: 1) }
        for one in 0..<2 { _ = detectors[one].connected(mesh.ids[1 - one], at: mesh.now) }
        let suspect = WireMemberNews.with {
            ($0.member, $0.state, $0.incarnation) = (.init(mesh.ids[0].bytes), .suspect, highest)
        }
        let probe = WireProbe.with { $0.news = [suspect] }
        _ = detectors[1].received(probe, from: mesh.ids[0], at: mesh.now)
        for case .send(.probe(let refutation), _) in detectors[0].received(probe, from: mesh.ids[1], at: mesh.now) {
            _ = detectors[1].received(refutation, from: mesh.ids[0], at: mesh.now)
        }
        #expect(detectors[1].state(of: mesh.ids[0]) == .alive)
    }

    @Test func `the highest term that is heard is one that all can still agree on`() throws {
        let mesh = try DetectorMesh(devices: 2, seed: 1)
        let ids = mesh.ids.sorted()
        let highest = WireMasterClaim.with { ($0.term, $0.master) = ((1 << 62) - 1, .init(ids[1].bytes)) }
        var (low, high) = (Mastership(ownID: ids[0], term: 1 << 62), Mastership(ownID: ids[1], term: 3))
        _ = low.started() + high.started() + low.changed(living: [ids[1]]) + high.changed(living: [ids[0]])
        var claims = low.received(highest, from: ids[1]) + low.connected(ids[1])
        while let claim = claims.popLast() {
            switch claim {
            case .broadcast(.masterClaim(let wire)), .send(.masterClaim(let wire), _):
                _ = high.received(wire, from: ids[0])
            case .broadcast, .send, .changed, .keep: break
            }
        }
        #expect(high.claim?.master == ids[0] && high.claim == low.claim)
    }

    private func agreed(_ mesh: DetectorMesh, _ seed: UInt64) throws -> Mastership.Claim {
        let claims = Set(mesh.survivors.map { mesh.claim(at: $0) })
        #expect(claims.count == 1, "seed \(seed): \(claims), \(Simulation.again(seed))")
        return try #require(claims.first ?? nil)
    }
}
