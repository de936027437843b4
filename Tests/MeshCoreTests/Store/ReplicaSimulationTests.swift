// SPDX-License-Identifier: Apache-2.0

import Foundation
import MeshCore
import TestSupport
import Testing

/// Replicas among which connections break and come back, and which crash, whatever the seed says.
@Suite struct ReplicaSimulationTests {
    @Test func `replicas become the same, and no write that won is missing in any`() async throws {
        for seed in Simulation.seeds {
            // Other tests have their turn as well.
            await Task.yield()
            var mesh = try ReplicaMesh(replicas: Int(2 + seed % 4), seed: seed)
            // Tombstones wait for those that are known.
            mesh.connectAll()
            mesh.settle()
            mesh.disconnectAll()
            for _ in 0..<Int.random(in: 20...150, using: &mesh.generator) { try step(&mesh) }
            mesh.connectAll()
            mesh.settle()
            let (isConverged, tombstones) = (mesh.isConverged, mesh.tombstones)
            #expect(isConverged, "seed \(seed): \(Simulation.again(seed))")
            // All have heard of all deletions.
            #expect(tombstones.allSatisfy { $0 == 0 }, "seed \(seed): \(tombstones), \(Simulation.again(seed))")
            let winners = mesh.winners
            let kept = mesh.storage(of: 0).entries
            for (key, winner) in winners {
                let value = kept[key]?.value
                #expect(value == winner, "seed \(seed), key \(key): \(Simulation.again(seed))")
            }
        }
    }

    private func step(_ mesh: inout ReplicaMesh) throws {
        let count = mesh.ids.count
        let one = Int.random(in: 0..<count, using: &mesh.generator)
        let other = (one + Int.random(in: 1..<count, using: &mesh.generator)) % count
        let key = "k\(Int.random(in: 0..<12, using: &mesh.generator))"
        switch Int.random(in: 0..<20, using: &mesh.generator) {
        case 0..<5: try mesh.write("v\(UInt16.random(in: 0...9_999, using: &mesh.generator))", to: key, at: one)
        case 5..<6: try mesh.write(nil, to: key, at: one)
        case 6..<8: mesh.connect(one, other)
        case 8: mesh.disconnect(one, other)
        case 9: try mesh.restart(one)
        case 10: _ = mesh.passTime()
        default: mesh.deliverOne()
        }
    }
}
