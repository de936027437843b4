// SPDX-License-Identifier: Apache-2.0

import TestSupport
import Testing

@Suite struct SightingTableSimulationTests {
    @Test func `whatever is lost, late, said twice or forged, the table has what is valid, what is proven first`()
        async throws
    {
        for seed in Simulation.seeds {
            // Other tests have their turn as well.
            await Task.yield()
            var schedule = try SightingSchedule(seed: seed)
            for _ in 0..<180 where schedule.fault == nil { schedule.step() }
            let fault = schedule.fault
            #expect(fault == nil, "seed \(seed): \(Simulation.again(seed))")
        }
    }
}
