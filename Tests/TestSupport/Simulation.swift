// SPDX-License-Identifier: Apache-2.0

import Foundation

/// Which schedules the simulations run.
package enum Simulation {
    /// A thousand from 0 on, or as many as `MESH_SIMULATIONS` says from `MESH_FIRST_SEED` on; with `MESH_SEED`, that one
    /// alone.
    package static var seeds: Range<UInt64> {
        let environment = ProcessInfo.processInfo.environment
        if let seed = environment["MESH_SEED"].flatMap(UInt64.init) { return seed..<seed + 1 }
        let first = environment["MESH_FIRST_SEED"].flatMap(UInt64.init) ?? 0
        return first..<first + (environment["MESH_SIMULATIONS"].flatMap(UInt64.init) ?? 1_000)
    }

    /// What to type to see one schedule again.
    package static func again(_ seed: UInt64) -> String {
        "MESH_SEED=\(seed) swift test --filter 'Simulation|PeerSession|SimultaneousDial'"
    }
}
