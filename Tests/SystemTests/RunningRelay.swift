// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

/// The built relay on a free port, with accounts whose passwords are `pw-` and the name.
final class RunningRelay {
    let directory: String
    private(set) var process: ProgramProcess
    private(set) var port = 0

    private init(directory: String, _ arguments: [String]) throws {
        self.directory = directory
        process = try ProgramProcess("tcp_server", ["--state-dir", directory] + arguments)
    }

    /// A relay that takes connections.
    static func start(
        in directory: String,
        port: Int = 0,
        accounts: [String] = ["alice", "bob", "carol"],
        _ arguments: [String] = []
    ) async throws -> RunningRelay {
        if !accounts.isEmpty {
            // One hash for each, by a method that is quick to check.
            let lines = try await shell(
                accounts.map { "echo \($0):$(openssl passwd -5 pw-\($0))" }.joined(separator: "; ")
            )
            try lines.output.write(toFile: "\(directory)/accounts", atomically: true, encoding: .utf8)
        }
        for name in accounts {
            try "pw-\(name)\n".write(toFile: "\(directory)/pw-\(name)", atomically: true, encoding: .utf8)
        }
        let relay = try RunningRelay(directory: directory, ["--port", "\(port)"] + arguments)
        let isUp = await eventually {
            guard let match = relay.process.log.firstMatch(of: /address=127\.0\.0\.1:(\d+)/) else {
                return !relay.process.isRunning
            }
            relay.port = Int(match.1) ?? 0
            return true
        }
        let end = relay.process.isRunning ? "runs" : "ended with \(relay.process.exitCode)"
        try #require(isUp && relay.port > 0, "\(end): \(relay.process.log)")
        return relay
    }

    /// The options with which tcp_client talks to this relay as `name`.
    func client(_ name: String) -> [String] {
        [
            "--port", "\(port)", "--user", name, "--password-file", "\(directory)/pw-\(name)", "--state-dir",
            "\(directory)/client-\(name)",
        ]
    }

    /// The same for a shell.
    func clientCommand(_ name: String) -> String {
        "tcp_client " + client(name).joined(separator: " ")
    }
}
