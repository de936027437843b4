// SPDX-License-Identifier: Apache-2.0

import Foundation

/// The folder with the built programs: that of the tests, or the one in `MESH_PROGRAMS`.
let programs =
    ProcessInfo.processInfo.environment["MESH_PROGRAMS"]
    ?? URL(filePath: CommandLine.arguments[0]).deletingLastPathComponent().path()

/// What a shell command said and how it ended.
struct ShellResult {
    let output: String
    let exitCode: Int32
}

/// Runs a command with bash, the built programs first in its path, and waits for its end.
///
/// Standard error goes where standard output goes. Waiting blocks a thread, so it has one of its own: the few that tests
/// share stay free.
func shell(_ command: String) async throws -> ShellResult {
    try await withCheckedThrowingContinuation { continuation in
        Thread.detachNewThread { continuation.resume(with: Result { try runInShell(command) }) }
    }
}

private func runInShell(_ command: String) throws -> ShellResult {
    let process = Process()
    let pipe = Pipe()
    process.executableURL = URL(filePath: "/bin/bash")
    process.arguments = ["-c", command]
    var environment = ProcessInfo.processInfo.environment
    environment["PATH"] = "\(programs):\(environment["PATH", default: "/usr/bin:/bin"])"
    process.environment = environment
    process.standardInput = FileHandle.nullDevice
    process.standardOutput = pipe
    process.standardError = pipe
    try process.run()
    let bytes = try pipe.fileHandleForReading.readToEnd() ?? Data()
    process.waitUntilExit()
    return ShellResult(output: String(decoding: bytes, as: UTF8.self), exitCode: process.terminationStatus)
}
