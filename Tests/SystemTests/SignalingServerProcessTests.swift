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

/// The built program, as a process that is told to stop or killed.
@Suite struct SignalingServerProcessTests {
    @Test func `it stops at once when told to, with clients that idle and clients in the middle of a request`()
        async throws
    {
        try await withTemporaryDirectory { directory in
            let server = try await ServerProcess.start(stateDirectory: directory)
            defer { server.kill() }
            let idle = try await server.connect()
            try await idle.writeAndFlush(ByteBuffer(string: "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"))
            for part in ["POST /regi", "POST /register HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n{"] {
                let channel = try await server.connect()
                try await channel.writeAndFlush(ByteBuffer(string: part))
            }
            // Answered, so the others' bytes, which were sent before, are there too.
            _ = try await server.ask("GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            let start = ContinuousClock.now
            server.terminate()
            #expect(await eventually { !server.isRunning })
            #expect(ContinuousClock.now - start < .seconds(2))
            #expect(server.exitCode == 0)
        }
    }

    @Test func `what it answered survives being killed`() async throws {
        try await withTemporaryDirectory { directory in
            let first = try await ServerProcess.start(stateDirectory: directory)
            defer { first.kill() }
            let request = "GET /register?id=Device1 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
            #expect(try await first.ask(request).contains("Registered device Device1 with IP 127.0.0.1:"))
            first.kill()
            #expect(await eventually { !first.isRunning })

            let second = try await ServerProcess.start(stateDirectory: directory)
            defer { second.kill() }
            let list = try await second.ask("GET /devices HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            #expect(list.contains("Device Device1: 127.0.0.1:"))
        }
    }

    @Test func `a port that is taken is a failure that names the option`() async throws {
        try await withTemporaryDirectory { directory in
            let first = try await ServerProcess.start(stateDirectory: directory)
            defer { first.kill() }
            let second = try ServerProcess(
                arguments: ["--port", "\(first.port)", "--store", "memory", "--state-dir", "\(directory)/second"]
            )
            #expect(await eventually { !second.isRunning })
            #expect(second.exitCode == 69)
            #expect(second.log.contains("--port"))
        }
    }
}

/// A running signaling_server and what it wrote to standard error.
private final class ServerProcess {
    private let process = Process()
    private let logFile: URL
    private(set) var port = 0

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
    static func start(stateDirectory: String) async throws -> ServerProcess {
        let server = try ServerProcess(arguments: ["--port", "0", "--admin-port", "0", "--state-dir", stateDirectory])
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
