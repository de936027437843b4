// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

/// What `device` and `signaling_server` make of each other.
@Suite struct DeviceRegistryTests {
    @Test func `a device comes in by its key, and without one it says what it needs`() async throws {
        try await withTemporaryDirectory { directory in
            let server = try await ServerProcess.start(
                stateDirectory: "\(directory)/server",
                options: ["--enrollment", "keys"]
            )
            defer { server.kill() }
            let stranger = try device("stranger", server, directory)
            defer { stranger.kill() }
            #expect(await eventually { stranger.says("signaling_server enroll create") })
            let key = "signaling_server enroll create --reusable --state-dir \(directory)/server"
            #expect(try await shell("\(key) >\(directory)/key 2>/dev/null").exitCode == 0)
            let kitchen = try device("kitchen", server, directory, ["--enrollment-key-file", "\(directory)/key"])
            let garden = try device("garden", server, directory, ["--enrollment-key-file", "\(directory)/key"])
            defer { for device in [kitchen, garden] { device.kill() } }
            #expect(await eventually { kitchen.says("garden") && garden.says("kitchen") })
            let list = "device list --signaling http://127.0.0.1:\(server.port) --state-dir \(directory)"
            let mine = try await shell("\(list)/kitchen")
            #expect(mine.output.contains("garden"), "\(mine.output)")
            #expect(!mine.output.contains("stranger"))
            let strangers = try await shell("\(list)/stranger")
            #expect(strangers.exitCode == 69)
            #expect(strangers.output.contains("only enrolled devices"), "\(strangers.output)")
        }
    }

    @Test func `others see soon with whom a device has a session, and when it is over`() async throws {
        try await withTemporaryDirectory { directory in
            let server = try await ServerProcess.start(stateDirectory: "\(directory)/server")
            defer { server.kill() }
            let (kitchen, garden) = (try device("kitchen", server, directory), try device("garden", server, directory))
            defer { for device in [kitchen, garden] { device.kill() } }
            let list = "curl -s -H 'Accept: application/json' http://127.0.0.1:\(server.port)/devices"
            #expect(try await eventually { try await shell(list).output.ranges(of: #":"direct""#).count == 2 })
            garden.signal(SIGTERM)
            #expect(
                try await eventually {
                    let text = try await shell(list).output
                    return text.contains("kitchen") && !text.contains(#":"direct""#) && !text.contains("garden")
                }
            )
        }
    }

    private func device(
        _ name: String,
        _ server: ServerProcess,
        _ directory: String,
        _ more: [String] = []
    ) throws -> ProgramProcess {
        let place = ["--state-dir", "\(directory)/\(name)", "--listen", "127.0.0.1:0"]
        return try ProgramProcess(
            "device",
            ["--name", name, "--signaling", "http://127.0.0.1:\(server.port)"] + place + more
        )
    }
}
