// SPDX-License-Identifier: Apache-2.0

import HTTPTypes
import HummingbirdTesting
import MeshCore
import NIOCore
import NIOPosix
import TestSupport
import Testing
import signaling_server

@Suite struct HostileInputTests {
    @Test(arguments: [
        #"{"id":"a","id":"b"}"#, #"{"id":"a","port":-1}"#, #"{"id":"a","port":1e999}"#,
        #"{"id":"a","port":99999999999999999999999999}"#, #"{"id":"a","ttl":-9223372036854775808}"#,
        #"{"id":"a","ttl":0.5}"#, #"{"id":".."}"#, #"{"id":"a/b"}"#, #"{"id":"a\nb"}"#, #"{"id":"watch"}"#,
        #"{"id":"a","name":"\u202eevil"}"#, #"{"id":"a","metadata":{"a":{"b":"c"}}}"#,
        #"{"id":"a","addresses":["a:0"]}"#, #"{"id":"a","metadata":{"\u0000":""}}"#, "\u{FEFF}{}", #"{"id":"a"}}"#,
    ])
    func `what no device says is refused with a problem`(body: String) async throws {
        try await RunningServer.run { server in
            let answer = try await server.send(.post, "/register", body: body)
            #expect(answer.status == .badRequest)
            #expect(answer.cause == "bad-body" || answer.cause == "bad-field")
            #expect(try await server.send(.get, "/devices").text == "[]\n")
        }
    }

    @Test(arguments: [
        #"{"sessions":[]}"#, #"{"sessions":{"a":"direct"}}"#, "[]", "{", #"{"sessions":5}"#,
        #"{"sessions":{"00000000-0000-8000-8000-000000000000":"by pigeon"}}"#,
    ])
    func `a heartbeat that says nonsense is refused, and the device stays as it is`(body: String) async throws {
        try await RunningServer.run { server in
            _ = try await server.send(.post, "/register", body: #"{"id":"a"}"#)
            #expect(try await server.send(.post, "/devices/a/heartbeat", body: body).cause == "bad-field")
            #expect(try await server.send(.get, "/devices/a").status == .ok)
        }
    }

    @Test(arguments: [
        "GET / HTTP/1.1\r\nHost: a\r\nbad header\r\n\r\n", "GARBAGE\r\n\r\n", "GET /devices HTTP/9.9\r\n\r\n",
        "\u{16}\u{3}\u{1}\u{2}\u{0}\u{1}", "GET /devices\r\n", String(repeating: "A", count: 100_000),
        "GET /\(String(repeating: "a", count: 100_000)) HTTP/1.1\r\n\r\n",
        "POST /register HTTP/1.1\r\nHost: a\r\nContent-Length: -5\r\n\r\n",
        "POST /register HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef",
        "POST /register HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\nabc\r\n",
        "POST /register HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFFFF\r\nabc\r\n",
        "GET /devices HTTP/1.1\r\nHost: a\r\n\(String(repeating: "X: y\r\n", count: 5_000))\r\n",
    ])
    func `what is no HTTP ends the connection, and the server lives`(bytes: String) async throws {
        try await RunningServer.run { server in
            let answer = try await server.raw(bytes)
            #expect(answer.isEmpty || answer.hasPrefix("HTTP/1.1 4"), "\(answer.prefix(80))")
            #expect(try await server.send(.get, "/healthz").status == .ok)
        }
    }

    @Test func `who drips a request is closed in time, however steadily`() async throws {
        var configuration = Configuration()
        configuration.requestTime = .milliseconds(100)
        configuration.idleTime = .milliseconds(150)
        try await RunningServer.run(configuration) { server in
            let body = "POST /register HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n\r\n"
            for start in [body, "GET /devices HTTP/1.1\r\nX-A: ", ""] {
                let isClosed = try await server.isClosed(afterDripping: start)
                #expect(isClosed, "\(start)")
            }
        }
    }

    @Test func `two requests in one packet are answered in turn`() async throws {
        try await RunningServer.run { server in
            let one = "GET /healthz HTTP/1.1\r\nHost: localhost\r\n"
            let answer = try await server.raw("\(one)\r\n\(one)Connection: close\r\n\r\n")
            #expect(answer.ranges(of: "\r\n\r\nok\n").count == 2)
        }
    }

    @Test func `the list is answered in its turn and alike, whichever way it goes`() async throws {
        try await RunningServer.run { server in
            _ = try await server.send(.post, "/register", body: #"{"id":"a"}"#)
            let list = "GET /devices HTTP/1.1\r\nHost: localhost\r\nAccept: */*\r\n"
            let other = "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
            let answer = try await server.raw(
                "\(list)Connection: keep-alive\r\n\r\n\(other)\(list)\r\n\(list)\r\n\(list)If-None-Match: *\r\n\r\n"
                    + "\(other)\(list)Connection: close\r\n\r\n"
            )
            let answers = answer.split(separator: "HTTP/1.1 ").map { answer in
                // In the order of their names, and without the second in which it was sent.
                answer.split(separator: "\r\n").filter { !$0.lowercased().hasPrefix("date: ") }.sorted()
            }
            #expect(answers.count == 7)
            #expect(Set([0, 2, 3, 6].map { answers[$0] }).count == 1)
            #expect(answers[0].contains("200 OK"))
            #expect(answers[4].contains("304 Not Modified"))
            #expect(answers[1] == answers[5])
            #expect(answer.ranges(of: "Date: ").count + answer.ranges(of: "date: ").count == 7)
        }
    }
}

extension RunningServer {
    /// Sends bytes, closes its half, and gives what came until the server closed.
    fileprivate func raw(_ bytes: String) async throws -> String {
        let channel = try await connect()
        return try await channel.executeThenClose { inbound, outbound in
            var answer = ByteBuffer()
            do {
                try await outbound.write(ByteBuffer(string: bytes))
                outbound.finish()
                for try await part in inbound { answer.writeImmutableBuffer(part) }
            } catch {
                // Closed with bytes on their way; what came before that counts.
            }
            return String(buffer: answer)
        }
    }

    /// Whether the server ends a connection on which a byte comes every few milliseconds.
    fileprivate func isClosed(afterDripping start: String) async throws -> Bool {
        let channel = try await connect()
        return try await channel.executeThenClose { _, outbound in
            if !start.isEmpty { try await outbound.write(ByteBuffer(string: start)) }
            let isDripping = !start.isEmpty
            return await eventually {
                if isDripping { try? await outbound.write(ByteBuffer(string: "a")) }
                return !channel.channel.isActive
            }
        }
    }

    private func connect() async throws -> NIOAsyncChannel<ByteBuffer, ByteBuffer> {
        try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .connect(host: "127.0.0.1", port: port) { channel in
                channel.eventLoop.makeCompletedFuture {
                    try NIOAsyncChannel<ByteBuffer, ByteBuffer>(
                        wrappingChannelSynchronously: channel,
                        configuration: .init(isOutboundHalfClosureEnabled: true)
                    )
                }
            }
    }
}
