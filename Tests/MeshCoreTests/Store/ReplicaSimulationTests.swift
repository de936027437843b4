// SPDX-License-Identifier: Apache-2.0

import Foundation
import MeshCore
import TestSupport
import Testing

/// Replicas among which connections break, come back and replace each other, messages take their time, the network
/// splits, and which crash, whatever the seed says.
@Suite struct ReplicaSimulationTests {
    @Test func `replicas become the same, and no write that won is missing in any`() async throws {
        var (tooLate, repeated) = (0, 0)
        for seed in Simulation.seeds {
            // Other tests have their turn as well.
            await Task.yield()
            let mesh = try run(seed)
            expectTheSame(in: mesh, seed)
            (tooLate, repeated) = (tooLate + mesh.tooLate, repeated + mesh.repeated)
        }
        // A few schedules may be without.
        let isSample = Simulation.seeds.count < 100
        #expect(isSample || (tooLate > 0 && repeated > 0))
    }

    private func run(_ seed: UInt64) throws -> ReplicaMesh {
        var mesh = try ReplicaMesh(replicas: Int(2 + seed % 4), seed: seed)
        // Tombstones wait for those that are known.
        mesh.connectAll()
        mesh.settle()
        mesh.disconnectAll()
        mesh.connections.stallsPerMille = 30
        for _ in 0..<Int.random(in: 20...200, using: &mesh.generator) { try step(&mesh) }
        mesh.heal()
        mesh.connectAll()
        mesh.settle()
        return mesh
    }

    private func expectTheSame(in mesh: ReplicaMesh, _ seed: UInt64) {
        let (isConverged, tombstones) = (mesh.isConverged, mesh.tombstones)
        #expect(isConverged, "seed \(seed): \(Simulation.again(seed))")
        // All have heard of all deletions.
        #expect(tombstones.allSatisfy { $0 == 0 }, "seed \(seed): \(tombstones), \(Simulation.again(seed))")
        let winners = mesh.winners
        for replica in mesh.ids.indices {
            let kept = mesh.storage(of: replica).entries
            for (key, winner) in winners where kept[key]?.value != winner {
                Issue.record("seed \(seed), key \(key), replica \(replica): \(Simulation.again(seed))")
            }
        }
    }

    private func step(_ mesh: inout ReplicaMesh) throws {
        let count = mesh.ids.count
        let one = Int.random(in: 0..<count, using: &mesh.generator)
        let other = (one + Int.random(in: 1..<count, using: &mesh.generator)) % count
        let key = "k\(Int.random(in: 0..<12, using: &mesh.generator))"
        switch Int.random(in: 0..<30, using: &mesh.generator) {
        case 0..<6: try mesh.write("v\(UInt16.random(in: 0...9_999, using: &mesh.generator))", to: key, at: one)
        case 6..<8: try mesh.write(nil, to: key, at: one)
        case 8..<11: mesh.connect(one, other)
        case 11..<13: mesh.reconnect(one, other)
        case 13: mesh.disconnect(one, other)
        case 14: mesh.cut(one, other)
        case 15: try mesh.restart(one)
        case 16: mesh.split((0..<count).map { _ in Int.random(in: 0..<2, using: &mesh.generator) })
        case 17: mesh.heal()
        case 18: _ = mesh.passTime()
        default: mesh.deliverOne()
        }
    }
}
