// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

/// The built agent, asked by other programs of the same user.
@Suite struct ControlTests {
    @Test func `programs use the store of the agent that runs, and watch it`() async throws {
        try await withAgent { agent, directory in
            let watch = try ask(directory, ["watch", "garden/"])
            defer { watch.kill() }
            // The watch is there once it has told of a change.
            let isWatching = try await eventually {
                _ = try await output(directory, ["set", "garden/light", "on"])
                return watch.says("garden/light = on  (this device)\n")
            }
            #expect(isWatching)
            #expect(try await output(directory, ["set", "garden/light", "on"]) == "set garden/light\n")
            #expect(try await output(directory, ["get", "garden/light"]) == "on")
            let piped = try ask(directory, ["set", "other"])
            try piped.type("two\nlines")
            piped.endInput()
            #expect(await eventually { !piped.isRunning })
            #expect(try await output(directory, ["get", "other"]) == "two\nlines\n")
            #expect(try await output(directory, ["keys"]) == "garden/light\nother\n")
            #expect(try await output(directory, ["keys", "g", "--format", "json"]) == "\"garden/light\"\n")
            let json = #"{"key":"garden/light","value":"on"}"#
            #expect(try await output(directory, ["get", "garden/light", "--format", "json"]) == json + "\n")
            #expect(try await output(directory, ["del", "garden/light"]) == "deleted garden/light\n")
            #expect(try await output(directory, ["peers"]) == "no device is known yet\n")
            #expect(try await output(directory, ["peers", "--format", "json"]) == "[]\n")
            try agent.type("keys")
            #expect(await eventually { agent.says("\nother\n") })
        }
    }

    @Test func `what was not done has a reason and a code`() async throws {
        try await withAgent { _, directory in
            for (words, code, reason) in [
                (["get", "nothing"], 69, "there is no key 'nothing'"),
                (["del", "nothing"], 69, "there is no key 'nothing'"),
                (["send", "nobody", "hello"], 69, "no device is known yet"),
                (["set", "", "x"], 65, "the key is not valid"), (["get", ""], 65, "the key is not valid"),
                (["send", "nobody", "\u{7}"], 65, "not sent: it has control characters"),
                (["ping", "nobody", "--count", "0"], 64, "Error: --count takes a number"),
            ] as [([String], Int32, String)] {
                let process = try ask(directory, words)
                #expect(await eventually { !process.isRunning })
                #expect(process.exitCode == code, "\(words)")
                #expect(process.log.contains(reason), "\(process.log)")
            }
        }
        try await withTemporaryDirectory { directory in
            let process = try ask(directory, ["peers"])
            #expect(await eventually { !process.isRunning })
            #expect(process.exitCode == 69 && process.log.contains("--state-dir"))
        }
    }

    @Test func `more keys than fit into an answer come all, and outlive the agent`() async throws {
        try await withTemporaryDirectory { directory in
            let first = try agent(directory)
            let writes = (0..<1_200).map { "set key-\($0) v" }.joined(separator: "\n")
            try first.type(writes)
            first.endInput()
            #expect(await eventually { !first.isRunning })
            let second = try agent(directory)
            defer { second.kill() }
            #expect(await eventually { second.says("listening at") })
            #expect(try await output(directory, ["keys"]).split(separator: "\n").count == 1_200)
        }
    }

    @Test func `the socket is for its owner alone`() async throws {
        try await withAgent { _, directory in
            let mode = try FileManager.default.attributesOfItem(atPath: directory + "/control")[.posixPermissions]
            #expect(mode as? Int == 0o600)
        }
    }

    private func withAgent(_ body: (ProgramProcess, String) async throws -> Void) async throws {
        try await withTemporaryDirectory { directory in
            let agent = try agent(directory)
            defer { agent.kill() }
            #expect(await eventually { agent.says("listening at") })
            try await body(agent, directory)
        }
    }

    /// An agent that looks for nobody.
    private func agent(_ directory: String) throws -> ProgramProcess {
        try ProgramProcess(
            "device",
            ["--name", "kitchen", "--state-dir", directory, "--master", "--udp-port", "0", "--listen", "127.0.0.1:0"]
        )
    }

    private func ask(_ directory: String, _ words: [String]) throws -> ProgramProcess {
        try ProgramProcess("device", words + ["--state-dir", directory])
    }

    private func output(_ directory: String, _ words: [String]) async throws -> String {
        let process = try ask(directory, words)
        process.endInput()
        #expect(await eventually { !process.isRunning })
        #expect(process.exitCode == 0, "\(words): \(process.log)")
        return process.output
    }
}
