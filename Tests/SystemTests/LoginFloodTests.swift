// SPDX-License-Identifier: Apache-2.0

import Foundation
import MeshCore
import TestSupport
import Testing

/// Many strangers at the door at once, and somebody who means to come in.
///
/// `MESH_ATTACKERS=10000 MESH_PROGRAMS=.build/release swift test --filter LoginFloodTests` tries the full number, with the
/// release build.
@Suite struct LoginFloodTests {
    private let attackers = ProcessInfo.processInfo.environment["MESH_ATTACKERS"].flatMap { Int($0) } ?? 300

    @Test func `a flood of strangers takes little memory, and who has a password gets in`() async throws {
        allowManyOpenFiles()
        try await withTemporaryDirectory { directory in
            // A tenth of these is for who has not logged in.
            let relay = try await RunningRelay.start(in: directory, ["--max-connections", "\(max(500, attackers))"])
            defer { relay.process.kill() }
            // What a first login needs, and its new hash, is no part of the flood's cost.
            _ = try await timeOfLogin(at: relay.port)
            #expect(await eventually { relay.process.log.contains("replaced a hash") })
            let before = try relay.process.memory("VmRSS")
            let flood = try Attackers()
            defer { flood.close() }
            let port = relay.port
            async let connecting: Void = flood.connect(attackers, to: port)
            var times: [Duration] = []
            for _ in 0..<10 { times.append(try await timeOfLogin(at: port)) }
            try await connecting
            #expect(await eventually { flood.connected > attackers }, "nobody came back")
            for _ in 0..<10 { times.append(try await timeOfLogin(at: port)) }
            let rise = try relay.process.memory("VmHWM") - before
            #expect(relay.process.isRunning)
            #expect(rise < 100 * 1_024, "the relay took \(rise) KiB more")
            let sorted = times.sorted()
            #expect(sorted[sorted.count - 1] < .seconds(10))
            print(
                "\(attackers) strangers, \(flood.connected) connections: memory rose by \(rise / 1_024) MiB; a login took "
                    + "\(sorted[sorted.count / 2]), the slowest of \(sorted.count) \(sorted[sorted.count - 1])"
            )
        }
    }

    /// From the first connection to the welcome, with as many tries as it takes.
    private func timeOfLogin(at port: Int) async throws -> Duration {
        let start = ContinuousClock.now
        let isIn = try await eventually {
            let peer = try await RawConnection(port: port, saying: "alice\npw-alice\n")
            defer { peer.close() }
            _ = await eventually(within: .seconds(5)) {
                peer.text.contains("Welcome, alice!") || peer.hasEnded || peer.text.contains("already logged in")
            }
            return peer.text.contains("Welcome, alice!")
        }
        try #require(isIn, "nobody gets in")
        return ContinuousClock.now - start
    }
}
