// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// The built agent as a process, with the built signaling server.
@Suite struct DeviceProcessTests {
    @Test func `devices find each other, talk, and notice who is killed or stands still`() async throws {
        try await withTemporaryDirectory { directory in
            let (server, url) = try await signalingServer(in: directory)
            defer { server.kill() }
            let kitchen = try device("kitchen", in: directory, url)
            defer { kitchen.kill() }
            let garden = try device("garden", in: directory, url)
            defer { garden.kill() }
            let attic = try device("attic", in: directory, url)
            defer { attic.kill() }
            for (device, others) in [(kitchen, ["garden", "attic"]), (garden, ["kitchen", "attic"])] {
                for other in others { #expect(await eventually { device.says("* connected to \(other) ") }) }
            }
            try kitchen.type("send garden hello")
            #expect(await eventually { garden.says("kitchen: hello\n") && kitchen.says("delivered to garden\n") })
            attic.kill()
            #expect(await eventually { kitchen.says("* lost attic ") && garden.says("* lost attic ") })
            garden.signal(SIGSTOP)
            #expect(await eventually { kitchen.says(/\* lost garden \(........\): silent for 0\.6 s; dialing again/) })
            garden.signal(SIGCONT)
            #expect(await eventually { kitchen.count("* connected to garden ") == 2 })
            // Without the registry, sessions go on.
            server.kill()
            #expect(await eventually { kitchen.says("is away: ") })
            try kitchen.type("send garden still there")
            #expect(await eventually { garden.says("kitchen: still there\n") })
            let start = ContinuousClock.now
            garden.signal(SIGTERM)
            #expect(await eventually { !garden.isRunning })
            #expect(ContinuousClock.now - start < .seconds(2))
            #expect(garden.exitCode == 0)
            #expect(await eventually { kitchen.says(/\* garden \(........\) left/) })
        }
    }

    @Test func `a master that is killed is seen to be gone by all, and another one is agreed on`() async throws {
        try await withTemporaryDirectory { directory in
            let (server, url) = try await signalingServer(in: directory)
            defer { server.kill() }
            let names = ["kitchen", "garden", "attic"]
            let devices = try names.map { try device($0, in: directory, url) }
            defer { for device in devices { device.kill() } }
            func all(_ others: [String], say words: String) async throws -> Bool {
                try await eventually {
                    for name in others {
                        let answer = try await ask(name, ["master"], in: directory)
                        if !answer.contains(words) { return false }
                    }
                    return true
                }
            }
            #expect(try await all(names, say: "3 of 3 devices that are alive agree"))
            var master = ""
            for name in names {
                let answer = try await ask(name, ["master"], in: directory)
                if answer.hasPrefix("this device is master") { master = name }
            }
            let killed = try #require(names.firstIndex(of: master))
            let others = names.filter { $0 != master }
            devices[killed].kill()
            #expect(try await all(others, say: "2 of 2 devices that are alive agree"))
            for name in others {
                #expect(try await !ask(name, ["master"], in: directory).hasPrefix(master))
                let peers = try await ask(name, ["peers"], in: directory)
                #expect(peers.contains(#/dead +\S+ +/#) && peers.contains(master), "\(peers)")
            }
        }
    }

    @Test func `a script sends a text to a device and leaves when it was delivered`() async throws {
        try await withTemporaryDirectory { directory in
            let (server, url) = try await signalingServer(in: directory)
            defer { server.kill() }
            let kitchen = try device("kitchen", in: directory, url)
            defer { kitchen.kill() }
            #expect(await eventually { kitchen.says("Devices connected: none yet\n") })
            let script = try device("script", in: directory, url)
            defer { script.kill() }
            try script.type("send kitchen from a script")
            script.endInput()
            #expect(await eventually { !script.isRunning })
            #expect(script.exitCode == 0)
            #expect(script.says("delivered to kitchen\n") && kitchen.says("script: from a script\n"))
        }
    }

    @Test
    func
        `texts for a device that is away are kept, also over a restart, and arrive once when it is back`()
        async throws
    {
        try await withTemporaryDirectory { directory in
            let (server, url) = try await signalingServer(in: directory)
            defer { server.kill() }
            let kitchen = try device("kitchen", in: directory, url)
            defer { kitchen.kill() }
            let garden = try device("garden", in: directory, url)
            #expect(
                await eventually {
                    kitchen.says("* connected to garden ") && garden.says("* connected to kitchen ")
                }
            )
            garden.kill()
            #expect(await eventually { kitchen.says("* lost garden ") })
            #expect(
                try await send(["send", "garden", "first"], by: "kitchen", in: directory).says(
                    "is away: the text is kept"
                )
            )
            kitchen.kill()
            let again = try device("kitchen", in: directory, url)
            defer { again.kill() }
            #expect(await eventually { again.says("listening at") })
            #expect(
                try await send(["send", "garden", "second"], by: "kitchen", in: directory).exitCode == 75
            )
            let back = try device("garden", in: directory, url)
            defer { back.kill() }
            #expect(await eventually { back.says("kitchen: first\nkitchen: second\n") })
            #expect(await eventually { again.says("2 texts that were kept for it") })
            #expect(back.count("kitchen: ") == 2)
        }
    }

    /// A text is given to an agent that runs.
    private func send(
        _ words: [String],
        by name: String,
        in directory: String
    ) async throws
        -> ProgramProcess
    {
        let process = try ProgramProcess("device", words + ["--state-dir", "\(directory)/\(name)"])
        #expect(await eventually { !process.isRunning })
        return process
    }

    @Test func `a script with a line that is no command says so in its exit code, and on standard error`() async throws
    {
        try await withTemporaryDirectory { directory in
            let script = try device("script", in: directory, "http://127.0.0.1:1", ["--listen", "127.0.0.1:0"])
            defer { script.kill() }
            try script.type("dance")
            script.endInput()
            #expect(await eventually { !script.isRunning })
            #expect(script.exitCode == 64)
            #expect(
                script.log.contains("device: not all that the input asks for was done: there is no command 'dance'")
            )
        }
    }

    @Test func `what keeps an agent from starting is told in a line, with what to do`() async throws {
        try await withTemporaryDirectory { directory in
            let nobody = "http://127.0.0.1:1"
            let first = try device("first", in: directory, nobody, ["--listen", "127.0.0.1:0"])
            defer { first.kill() }
            let found = await eventually { first.output.firstMatch(of: /listening at (127\.0\.0\.1:\d+)/) != nil }
            try #require(found, "\(first.log)")
            let address = try #require(first.output.firstMatch(of: /listening at (127\.0\.0\.1:\d+)/)).1
            let failures: [(ProgramProcess, Int32, String)] = [
                (try device("first", in: directory, nobody), 75, "--state-dir"),
                (try device("second", in: directory, nobody, ["--listen", "\(address)"]), 69, "--listen"),
                (try ProgramProcess("device", ["list", "--signaling", nobody]), 69, "--signaling"),
                (try ProgramProcess("device", ["--heartbeat", "1ms"]), 78, "heartbeat"),
            ]
            for (process, code, option) in failures {
                #expect(await eventually { !process.isRunning })
                #expect(process.exitCode == code)
                #expect(process.log.hasPrefix("device: ") && process.log.contains(option))
                #expect(process.log.split(separator: "\n").count == 1)
            }
        }
    }

    private func signalingServer(in directory: String) async throws -> (ProgramProcess, String) {
        let server = try ProgramProcess(
            "signaling_server",
            ["--port", "0", "--store", "memory", "--state-dir", "\(directory)/server"]
        )
        let address = /address=(127\.0\.0\.1:\d+)/
        let isUp = await eventually { server.log.firstMatch(of: address) != nil || !server.isRunning }
        try #require(isUp)
        return (server, "http://\(try #require(server.log.firstMatch(of: address), "\(server.log)").1)")
    }

    private func ask(_ name: String, _ words: [String], in directory: String) async throws -> String {
        try await shell("device \(words.joined(separator: " ")) --state-dir '\(directory)/\(name)' 2>&1").output
    }

    private func device(
        _ name: String,
        in directory: String,
        _ signaling: String,
        _ more: [String] = []
    ) throws -> ProgramProcess {
        let times = ["--heartbeat", "200ms"]
        let names = ["--name", name, "--state-dir", "\(directory)/\(name)", "--signaling", signaling]
        return try ProgramProcess("device", names + times + more)
    }
}
