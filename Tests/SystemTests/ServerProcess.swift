// SPDX-License-Identifier: Apache-2.0

import Foundation
import NIOCore
import NIOPosix
import TestSupport
import Testing

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// A running signaling_server and what it wrote to standard error.
final class ServerProcess {
    private let process = Process()
    private let logFile: URL
    private(set) var port = 0
    private(set) var stateDirectory = ""

    init(arguments: [String]) throws {
        logFile = FileManager.default.temporaryDirectory.appending(path: "swift-mesh-\(UUID()).log")
        try Data().write(to: logFile)
        process.executableURL = URL(filePath: CommandLine.arguments[0])
            .deletingLastPathComponent().appending(path: "signaling_server")
        process.arguments = arguments
        process.standardError = try FileHandle(forWritingTo: logFile)
        try process.run()
    }

    deinit {
        try? FileManager.default.removeItem(at: logFile)
    }

    /// A server on a free port, which the log names.
    static func start(stateDirectory: String, options: [String] = []) async throws -> ServerProcess {
        let server = try ServerProcess(
            arguments: ["--port", "0", "--admin-port", "0", "--state-dir", stateDirectory] + options
        )
        server.stateDirectory = stateDirectory
        let isUp = await eventually {
            guard let match = server.log.firstMatch(of: /address=127\.0\.0\.1:(\d+)/) else { return !server.isRunning }
            server.port = Int(match.1) ?? 0
            return true
        }
        try #require(isUp && server.port > 0, "\(server.log)")
        return server
    }

    var log: String { (try? String(contentsOf: logFile, encoding: .utf8)) ?? "" }
    var isRunning: Bool { process.isRunning }
    var exitCode: Int32 { process.terminationStatus }

    func terminate() { process.terminate() }

    func kill() {
        if process.isRunning { sendKill(process.processIdentifier) }
    }

    func connect() async throws -> any Channel {
        try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .connect(host: "127.0.0.1", port: port).get()
    }

    /// Sends a request over a connection of its own and reads until the server closes it.
    func ask(_ request: String) async throws -> String {
        let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .connect(host: "127.0.0.1", port: port) { channel in
                channel.eventLoop.makeCompletedFuture {
                    try NIOAsyncChannel<ByteBuffer, ByteBuffer>(wrappingChannelSynchronously: channel)
                }
            }
        return try await channel.executeThenClose { inbound, outbound in
            try await outbound.write(ByteBuffer(string: request))
            var answer = ByteBuffer()
            for try await part in inbound { answer.writeImmutableBuffer(part) }
            return String(buffer: answer)
        }
    }
}

/// `kill` by another name than the method's.
private func sendKill(_ process: pid_t) {
    _ = kill(process, SIGKILL)
}
