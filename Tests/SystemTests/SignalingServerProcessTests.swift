// SPDX-License-Identifier: Apache-2.0

import Foundation
import NIOCore
import TestSupport
import Testing

/// The built program, as a process that is told to stop or killed.
@Suite struct SignalingServerProcessTests {
    @Test func `it stops at once when told to, with clients that idle and clients in the middle of a request`()
        async throws
    {
        try await withTemporaryDirectory { directory in
            let server = try await ServerProcess.start(stateDirectory: directory)
            defer { server.kill() }
            let watch = try await RawConnection(
                port: server.port,
                saying: "GET /devices/watch HTTP/1.1\r\nHost: localhost\r\n\r\n"
            )
            #expect(await eventually { watch.text.contains("event: synced") })
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
            #expect(await eventually { watch.text.contains(#"{"reason":"stopping"}"#) })
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
