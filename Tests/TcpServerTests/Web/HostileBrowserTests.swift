// SPDX-License-Identifier: Apache-2.0

import MeshCore
import NIOCore
import TestSupport
import Testing

@testable import tcp_server

/// What comes in at the web's door and is not as it should be.
@Suite struct HostileBrowserTests {
    @Test(
        arguments: [
            ([0x81, 0x02, 0x7B, 0x7D], 1_002), ([0xC1, 0x80, 0, 0, 0, 0], 1_002), ([0x83, 0x80, 0, 0, 0, 0], 1_002),
            ([0x80, 0x80, 0, 0, 0, 0], 1_002), ([0x09, 0x80, 0, 0, 0, 0], 1_002), ([0x89, 0xFE, 0, 126], 1_002),
            ([0x82, 0xFF, 0, 0, 0, 0, 0, 1, 0, 1, 0, 0, 0, 0], 1_009),
            ([0x82, 0xFF] + [UInt8](repeating: 0xFF, count: 12), 1_009),
            ([0x88, 0x81, 0, 0, 0, 0, 3], 1_002),
        ] as [([UInt8], Int)]
    )
    func `frames that are none end the connection, before the login and after`(bytes: [UInt8], code: Int) async throws {
        try await RunningRelay.run { relay in
            let (stranger, member) = (try await WebPeer.open(relay), try await WebPeer.open(relay))
            try await stranger.send(bytes)
            #expect(try await stranger.isClosed() == code)
            try await member.logIn("alice")
            try await member.send(bytes)
            #expect(try await member.isClosed() == code)
        }
    }

    @Test func `what is no JSON, or no request, ends it with an explanation`() async throws {
        try await RunningRelay.run { relay in
            for text in ["hello", "{", "[]", #"{"unknown":{}}"#, "{\"ping\":{}}\u{0}"] {
                let peer = try await WebPeer.open(relay)
                try await peer.send(text)
                #expect(try await peer.isClosed() == 1_000)
                #expect(peer.text.contains("PROTOCOL_VIOLATION"))
            }
        }
    }

    @Test func `a connection does not change its dialect`() async throws {
        try await RunningRelay.run { relay in
            let peer = try await WebPeer.open(relay)
            try await peer.send(#"{"ping":{}}"#)
            try await peer.send(WebFrame.masked(0x2, [UInt8]()))
            #expect(try await peer.isClosed() == 1_003)
        }
    }

    @Test func `before the login little is taken, in frames or in parts of one`() async throws {
        try await RunningRelay.run { relay in
            let padding = [UInt8](repeating: UInt8(ascii: " "), count: 5_000)
            let whole = try await WebPeer.open(relay)
            try await whole.send(WebFrame.masked(0x1, padding))
            _ = try await whole.isClosed()
            let part = try await WebPeer.open(relay)
            try await part.send(Array(WebFrame.masked(0x1, padding + padding).prefix(6_000)))
            #expect(try await part.isClosed() == 1_008)
            let pings = try await WebPeer.open(relay)
            try await pings.send((0..<1_000).flatMap { _ in WebFrame.masked(0x9, [1]) })
            #expect(try await pings.isClosed() == 1_008)
        }
    }

    @Test func `after the login a message may be as long as in the other dialects, and no longer`() async throws {
        try await RunningRelay.run { relay in
            let bob = try await relay.binary(as: "bob")
            let alice = try await WebPeer.open(relay)
            try await alice.logIn("alice")
            let text = String(repeating: "x", count: 32_000)
            let request = Array(#"{"publish":{"text":"\#(text)"}}"#.utf8)
            try await alice.send(WebFrame.masked(0x1, request.prefix(20_000), isLast: false))
            try await alice.send(WebFrame.masked(0x0, request.dropFirst(20_000)))
            try await bob.hears("message") { $0.events.contains { $0.message?.text.utf8.count == 32_000 } }
            for _ in 0..<3 {
                alice.peer.sendInBackground(
                    ByteBuffer(bytes: WebFrame.masked(0x1, [UInt8](repeating: 0x20, count: 60_000), isLast: false))
                )
            }
            #expect(try await alice.isClosed() == 1_002)
        }
    }

    @Test func `a flood of pings by who reads nothing disturbs nobody, and is answered when it reads`() async throws {
        try await RunningRelay.run { relay in
            let alice = try await WebPeer.open(relay)
            try await alice.logIn("alice")
            try await alice.peer.stopReading()
            let pings = (0..<20_000).flatMap { _ in WebFrame.masked(0x9, [UInt8](repeating: 0x70, count: 125)) }
            alice.peer.sendInBackground(ByteBuffer(bytes: pings + WebFrame.masked(0x9, Array("the last".utf8))))
            let bob = try await relay.lines(as: "bob")
            let carol = try await relay.lines(as: "carol")
            try await bob.send("still here\n")
            try await carol.hears("[bob]: still here\n")
            try await alice.peer.readAgain()
            try await alice.hears("pong") { $0.frames.contains(WebFrame(kind: 0xA, payload: Array("the last".utf8))) }
            try await alice.hears("still here")
        }
    }

    @Test func `who reads slowly gets everything, in order, and delays nobody`() async throws {
        try await RunningRelay.run { relay in
            let alice = try await WebPeer.open(relay)
            try await alice.logIn("alice")
            try await alice.peer.stopReading()
            let (bob, carol) = (try await relay.binary(as: "bob"), try await relay.binary(as: "carol"))
            let text = String(repeating: "x", count: 30_000)
            for number in 1...300 { try await bob.send(.publish("\(number) \(text)", id: "\(number)")) }
            try await carol.hears("all") { $0.events.compactMap(\.message).count == 300 }
            #expect(alice.peer.bytes.readableBytes < 300 * 30_000)
            try await alice.peer.readAgain()
            try await alice.peer.hears(#""sequence":"300""#)
            try await alice.hears("the frame's end") { $0.frames.last?.text.contains(#""sequence":"300""#) == true }
            let lines = alice.text.split(separator: "\n").map { $0.prefix(60) }
            let numbers = lines.compactMap { $0.firstMatch(of: /"sequence":"(\d+)"/).flatMap { Int($0.1) } }
            #expect(numbers == Array(1...300))
        }
    }

    @Test func `who says nothing has to go`() async throws {
        try await RunningRelay.run(.ofTests(loginTime: .milliseconds(300))) { relay in
            let started = try await relay.connect()
            try await started.send("GET / HTTP/1.1\r\nHost: x\r\n")
            let idle = try await relay.connect()
            try await idle.send("GET /ping HTTP/1.1\r\nHost: x\r\n\r\n")
            try await idle.hears("pong\n")
            let silent = try await WebPeer.open(relay)
            let halfway = try await WebPeer.open(relay)
            try await halfway.send(#"{"ping":{}}"#)
            for peer in [started, idle] { try await peer.isLeft() }
            #expect(try await silent.isClosed() == 1_008)
            #expect(try await halfway.isClosed() == 1_000)
            #expect(halfway.text.contains("LOGIN_TIMED_OUT"))
        }
    }

    @Test func `who only stays makes room for who comes`() async throws {
        // Of ten places one is for guests.
        try await RunningRelay.run(.ofTests(maximumConnections: 10)) { relay in
            let silent = try await WebPeer.open(relay)
            let isGone = try await eventually {
                _ = try await relay.connect()
                return silent.peer.isEnded
            }
            #expect(isGone)
            #expect(silent.frames.last?.closeCode == 1_013)
        }
        try await RunningRelay.run(.ofTests(maximumConnections: 10)) { relay in
            let started = try await relay.connect()
            try await started.send("GET / HTTP/1.1\r\nHost: x\r\n")
            let isGone = try await eventually(within: .seconds(10)) {
                _ = try await relay.connect()
                return started.isEnded
            }
            #expect(isGone)
        }
    }

    @Test func `a request's head may have 8 KiB`() async throws {
        try await RunningRelay.run { relay in
            let fields = { (count: Int) in
                String(repeating: "Cookie: \(String(repeating: "c", count: 90))\r\n", count: count)
            }
            let good = try await relay.connect()
            try await good.send("GET /ping HTTP/1.1\r\nHost: x\r\n\(fields(70))\r\n")
            try await good.hears("pong\n")
            for head in [
                "GET / HTTP/1.1\r\nHost: x\r\n\(fields(200))\r\n", "GET /\(String(repeating: "x", count: 20_000))",
                "GET / HTTP/1.1\r\nHost: x\r\n\(String(repeating: "a: b\r\n", count: 150))\r\n",
            ] {
                let peer = try await relay.connect()
                try await peer.send(head)
                try await peer.isLeft()
                #expect(peer.text.hasPrefix("HTTP/1.1 431 "))
            }
        }
    }

    @Test(arguments: [
        "GET / HTTP/1.1\r\nHost : x\r\n\r\n", "GET / HTTP/9.9\r\nHost: x\r\n\r\n", "GET / \u{0}\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: x\r\n\r\n", "GET / HTTP/1.1\r\nNo colon\r\n\r\n",
    ])
    func `what is no request is told so, and let go`(bytes: String) async throws {
        try await RunningRelay.run { relay in
            let peer = try await relay.connect()
            try await peer.send(bytes)
            try await peer.isLeft()
            #expect(peer.text.hasPrefix("HTTP/1.1 400 "))
        }
    }

    @Test func `a connection serves many requests, and refuses a body`() async throws {
        try await RunningRelay.run { relay in
            let peer = try await relay.connect()
            for number in 1...20 {
                try await peer.send("GET /ping HTTP/1.1\r\nHost: x\r\n\r\n")
                try await peer.hears("answer") { $0.text.ranges(of: "pong\n").count == number }
            }
            try await peer.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n")
            peer.sendInBackground(ByteBuffer(repeating: 0x78, count: 1_000_000))
            try await peer.isLeft()
            #expect(peer.text.contains("HTTP/1.1 405 Method Not Allowed\r\n"))
            #expect(peer.text.hasSuffix("Only GET and HEAD.\n"))
        }
    }

    @Test func `who asks for more than it reads is let go`() async throws {
        try await RunningRelay.run { relay in
            let peer = try await relay.connect()
            try await peer.stopReading()
            peer.sendInBackground(
                ByteBuffer(string: String(repeating: "GET /chat.js HTTP/1.1\r\nHost: x\r\n\r\n", count: 2_000))
            )
            try await relay.lines(as: "alice").send("still here\n")
            try await peer.readAgain()
            try await peer.isLeft()
            #expect(peer.text.ranges(of: "HTTP/1.1 200 OK").count <= 100)
        }
    }

    @Test(arguments: [
        "GET /ws HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 12\r\n\r\n",
        "GET /ws HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n",
        "GET /ws HTTP/1.1\r\nHost: x\r\n\r\n",
        "HEAD /ws HTTP/1.1\r\nHost: x\r\n\r\n",
    ])
    func `what is no handshake is told what would be one`(request: String) async throws {
        try await RunningRelay.run { relay in
            let peer = try await relay.connect()
            try await peer.send(request)
            try await peer.isLeft()
            #expect(peer.text.hasPrefix("HTTP/1.1 426 Upgrade Required\r\n"))
            #expect(peer.text.contains("Upgrade: websocket\r\n"))
        }
    }
}
