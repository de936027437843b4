// SPDX-License-Identifier: Apache-2.0

import NIOCore
import TestSupport
import Testing

@Suite struct SimultaneousDialTests {
    @Test func `of two dials at the same moment both ends keep the same one, and nobody has to dial again`()
        async throws
    {
        for seed in Simulation.seeds {
            // Other tests have their turn as well.
            await Task.yield()
            var devices = try TwoDevices(seed: seed)
            while !devices.isQuiet { devices.step(losses: false) }
            let isSettled = hasSettled(devices)
            #expect(isSettled, "\(Simulation.again(seed)): \(devices.current), open \(devices.open)")
        }
    }

    @Test func `after losses and restarts both ends have one connection, the same`() async throws {
        for seed in Simulation.seeds {
            // Other tests have their turn as well.
            await Task.yield()
            var devices = try TwoDevices(seed: seed)
            for _ in 0..<Int.random(in: 1...120, using: &devices.generator) { devices.step(losses: true) }
            expectToSettle(devices, seed: seed)
        }
    }

    /// Goes on without losses until nothing happens any more, and looks at what is left.
    private func expectToSettle(_ start: TwoDevices, seed: UInt64) {
        var devices = start
        var steps = 0
        // A redial comes after a minute at most, and silence shows after 15 seconds.
        let deadline = devices.now + .minutes(10)
        while devices.now < deadline, steps < 20_000 {
            steps += 1
            if !devices.isQuiet {
                devices.step(losses: false)
            } else if hasSettled(devices) {
                break
            } else {
                devices.passTime()
            }
        }
        let isSettled = hasSettled(devices)
        #expect(isSettled, "\(Simulation.again(seed)): \(devices.current), open \(devices.open), \(steps) steps")
    }

    private func hasSettled(_ devices: TwoDevices) -> Bool {
        guard devices.isQuiet, let one = devices.current[0], devices.current[1] == one else { return false }
        return devices.open == [[one], [one]]
    }
}
