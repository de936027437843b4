// SPDX-License-Identifier: Apache-2.0

import MeshCore
import NIOCore
import SwiftProtobuf
import TestSupport
import Testing

@testable import tcp_server

/// The dialects inside a WebSocket, over real sockets.
@Suite struct WebSocketTests {
    @Test(arguments: [RelayPeer.Manner.plain, .tls])
    func `text frames carry JSON, and meet the other dialects`(manner: RelayPeer.Manner) async throws {
        try await RunningRelay.run { relay in
            let alice = try await WebPeer.open(relay, manner)
            #expect(alice.peer.text.hasPrefix("HTTP/1.1 101 Switching Protocols\r\n"))
            #expect(alice.peer.text.contains("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="))
            try await alice.logIn("alice")
            let bob = try await relay.lines(as: "bob")
            try await bob.send("from lines\n")
            try await alice.hears(#""sequence":"1","sender":"bob""#)
            try await alice.send(#"{"publish":{"clientMessageId":"a1","text":"from a browser"}}"#)
            try await alice.hears(#"{"accepted":{"clientMessageId":"a1","room":"lobby","sequence":"2""#)
            try await bob.hears("[alice]: from a browser\n")
        }
    }

    @Test func `binary frames carry protobuf`() async throws {
        try await RunningRelay.run { relay in
            let alice = try await WebPeer.open(relay)
            let login = ByteBuffer([RelayRequest.login("alice"), .publish("one", id: "1"), .publish("two", id: "2")])
            try await alice.send(WebFrame.masked(0x2, login.readableBytesView))
            try await alice.hears("two acknowledgements") { Self.events($0).compactMap(\.accepted).count == 2 }
            #expect(Self.events(alice).first?.welcome?.user == "alice")
            #expect(Self.events(alice).compactMap(\.accepted).map(\.sequence) == [1, 2])
        }
    }

    @Test func `a request may come in any number of frames and pieces`() async throws {
        try await RunningRelay.run { relay in
            let login = Array(#"{"login":{"user":"alice","password":"secret"}}"#.utf8)
            let frames =
                WebFrame.masked(0x1, login.prefix(5), isLast: false) + WebFrame.masked(0x9, Array("still there?".utf8))
                + WebFrame.masked(0x0, login.dropFirst(5).prefix(10), isLast: false)
                + WebFrame.masked(0x0, [UInt8](), isLast: false) + WebFrame.masked(0x0, login.dropFirst(15))
            let dripped = try await WebPeer.open(relay)
            for byte in frames { try await dripped.send([byte]) }
            try await dripped.hears(#"{"welcome":{"user":"alice""#)
            #expect(dripped.frames.contains(.init(kind: 0xA, payload: Array("still there?".utf8))))
            // All at once, behind the request that opens it.
            let bob = frames + WebFrame.masked(0x1, Array(#"{"ping":{"number":"7"}}"#.utf8))
            let eager = try await WebPeer.open(relay, saying: bob)
            try await eager.hears(#"{"pong":{"number":"7"}}"#)
        }
    }

    @Test func `a text frame may hold several objects, a line each`() async throws {
        try await RunningRelay.run { relay in
            let alice = try await WebPeer.open(relay)
            try await alice.logIn("alice")
            try await alice.send(#"{"ping":{"number":"1"}}"# + "\n" + #"{"ping":{"number":"2"}}"# + "\n")
            try await alice.hears(#"{"pong":{"number":"1"}}"# + "\n" + #"{"pong":{"number":"2"}}"# + "\n")
        }
    }

    @Test func `what many read is not cut inside a message`() async throws {
        try await RunningRelay.run { relay in
            let bob = try await relay.binary(as: "bob")
            let text = String(repeating: "ü", count: 2_000)
            for number in 0..<100 { try await bob.send(.publish("\(number) \(text)", id: "\(number)")) }
            try await bob.hears("acknowledgements") { $0.events.compactMap(\.accepted).count == 100 }
            let alice = try await WebPeer.open(relay)
            try await alice.logIn("alice")
            try await alice.hears("history") { $0.text.contains(#""sequence":"100""#) }
            for frame in alice.frames where frame.kind == 0x1 { #expect(frame.payload.last == UInt8(ascii: "\n")) }
        }
    }

    @Test func `who says good-bye is answered, and what it said before counts`() async throws {
        try await RunningRelay.run { relay in
            let bob = try await relay.lines(as: "bob")
            let alice = try await WebPeer.open(relay)
            try await alice.logIn("alice")
            let last = WebFrame.masked(0x1, Array(#"{"publish":{"text":"last words"}}"#.utf8))
            try await alice.send(last + WebFrame.masked(0x8, [0x03, 0xE9]))
            #expect(try await alice.isClosed() == 1_001)
            try await bob.hears("[alice]: last words\n")
        }
    }

    @Test func `the relay says good-bye as WebSocket does`() async throws {
        try await RunningRelay.run { relay in
            let (alice, silent) = (try await WebPeer.open(relay), try await WebPeer.open(relay))
            try await alice.logIn("alice")
            await relay.stop()
            #expect(try await alice.isClosed() == 1_000)
            #expect(alice.text.contains(#""reason":"SHUTTING_DOWN""#))
            #expect(try await silent.isClosed() == 1_001)
        }
    }

    @Test func `a client that asked to leave is told good-bye`() async throws {
        try await RunningRelay.run { relay in
            let alice = try await WebPeer.open(relay)
            try await alice.send(#"{"bye":{}}"#)
            #expect(try await alice.isClosed() == 1_000)
            #expect(alice.text.contains(#"{"bye":{"reason":"REQUESTED""#))
        }
    }

    @Test func `the end of the input without a good-bye is one, too`() async throws {
        try await RunningRelay.run { relay in
            let (alice, silent) = (try await WebPeer.open(relay), try await WebPeer.open(relay))
            try await alice.send(#"{"ping":{"number":"1"}}"#)
            try await alice.peer.endInput()
            try await silent.peer.endInput()
            #expect(try await alice.isClosed() == 1_000, "\(alice.frames.map { ($0.kind, $0.text) })")
            #expect(alice.text.contains(#"{"pong":{"number":"1"}}"#))
            _ = try await silent.isClosed()
        }
    }

    @Test(arguments: [nil, "http://127.0.0.1:8081"])
    func `its own page, and who is no browser, may open one`(origin: String?) async throws {
        try await RunningRelay.run { relay in
            try await WebPeer.open(relay, origin: origin).logIn("alice")
        }
    }

    @Test func `the page of another site may not, unless it was allowed`() async throws {
        var place = Relay.Place.ofTests()
        place.origins = OriginRule(allowed: ["https://chat.example.org"], isLoopback: true)
        try await RunningRelay.run(place) { relay in
            let evil = try await WebPeer.open(relay, origin: "https://evil.example")
            #expect(evil.peer.text.hasPrefix("HTTP/1.1 403 Forbidden\r\n"))
            try await evil.peer.isLeft()
            try await WebPeer.open(relay, origin: "https://chat.example.org").logIn("alice")
        }
    }

    private static func events(_ peer: WebPeer) -> [RelayEvent] {
        var bytes = ByteBuffer(bytes: peer.frames.filter { $0.kind == 0x2 }.flatMap(\.payload))
        var decoder = RelayEventDecoder()
        var events: [RelayEvent] = []
        while let event = try? decoder.next(from: &bytes) { events.append(event) }
        return events
    }
}
