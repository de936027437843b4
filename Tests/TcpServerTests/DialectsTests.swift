// SPDX-License-Identifier: Apache-2.0

import MeshCore
import NIOCore
import SwiftProtobuf
import TestSupport
import Testing

@testable import tcp_server

/// One port, any client: how the relay finds out what a connection speaks, and that all can talk to each other.
@Suite struct DialectsTests {
    @Test(arguments: [RelayPeer.Manner.plain, .tls])
    func `clients of all dialects talk to each other`(manner: RelayPeer.Manner) async throws {
        try await RunningRelay.run { relay in
            let alice = try await relay.lines(as: "alice", manner)
            let bob = try await relay.binary(as: "bob", manner)
            let carol = try await relay.connect(manner)
            try await carol.send(#"{"login":{"user":"carol","password":"secret"}}"# + "\n")
            try await carol.hears(#"{"welcome":{"user":"carol""#)
            try await alice.send("from lines\n")
            try await carol.hears(#""sequence":"1","sender":"alice""#)
            try await bob.send(.publish("from binary", id: "b1"))
            try await carol.hears(#""sequence":"2","sender":"bob""#)
            try await carol.send(#"{"publish":{"clientMessageId":"c1","text":"from \"JSON\""}}"# + "\n")
            try await carol.hears(#"{"accepted":{"clientMessageId":"c1","room":"lobby","sequence":"3","level":"#)
            try await alice.hears("[bob]: from binary\n[carol]: from \"JSON\"\n")
            try await bob.hears("two messages") { $0.events.compactMap(\.message).count == 2 }
            let messages = bob.events.compactMap(\.message)
            #expect(messages.map(\.sender) == ["alice", "carol"])
            #expect(messages.map(\.text) == ["from lines", "from \"JSON\""])
            #expect(messages.map(\.sequence) == [1, 3])
            #expect(bob.events.compactMap(\.accepted).map(\.sequence) == [2])
            #expect(!carol.text.contains(#""sender":"carol""#))
        }
    }

    @Test func `a dialect is found whatever pieces its first bytes come in`() async throws {
        try await RunningRelay.run { relay in
            let binary = try await relay.connect()
            let hello = ByteBuffer(string: Dialect.binaryPreamble)
            for byte in hello.readableBytesView + ByteBuffer([.login("alice")]).readableBytesView {
                try await binary.send(ByteBuffer(bytes: [byte]))
            }
            try await binary.hears("welcome") { $0.events.first?.welcome?.user == "alice" }
            let json = try await relay.connect()
            for character in #"{"login":{"user":"bob","password":"secret"}}"# { try await json.send("\(character)") }
            try await json.send("\n")
            try await json.hears(#"{"welcome":{"user":"bob""#)
        }
    }

    @Test func `the start of a preamble and then silence is a line`() async throws {
        try await RunningRelay.run(.ofTests(dialectTime: .milliseconds(500))) { relay in
            let peer = try await relay.connect()
            try await peer.send("MESH")
            try await peer.hearsExactly("Enter username: ")
            try await peer.send("\n")
            try await peer.hearsExactly("Enter username: Enter password: ")
        }
    }

    @Test(arguments: ["", "MES", "alice"])
    func `the end of the input decides it, too`(start: String) async throws {
        try await RunningRelay.run { relay in
            let peer = try await relay.connect()
            if !start.isEmpty { try await peer.send(start) }
            try await peer.endInput()
            try await peer.isLeft()
            #expect(peer.text == "Enter username: " + (start.isEmpty ? "" : "Enter password: "))
        }
    }

    @Test func `silence inside TLS is lines`() async throws {
        try await RunningRelay.run(.ofTests(dialectTime: .milliseconds(500))) { relay in
            try await relay.connect(.tls).hearsExactly("Enter username: ")
        }
    }

    @Test(arguments: [RelayPeer.Manner.plain, .tls])
    func `a browser is given the chat page`(manner: RelayPeer.Manner) async throws {
        try await RunningRelay.run { relay in
            let browser = try await relay.connect(manner)
            try await browser.send("GET / HTTP/1.1\r\nHost: relay\r\nConnection: close\r\n\r\n")
            try await browser.isLeft()
            #expect(browser.text.hasPrefix("HTTP/1.1 200 OK\r\n"))
            #expect(browser.text.hasSuffix("</html>\n"))
        }
    }

    @Test func `a message that is sent again is not published again`() async throws {
        try await RunningRelay.run { relay in
            let alice = try await relay.lines(as: "alice")
            let bob = try await relay.binary(as: "bob")
            try await bob.send(.publish("one", id: "1"), .publish("two", id: "2"), .publish("one", id: "1"))
            try await bob.hears("three acknowledgements") { $0.events.compactMap(\.accepted).count == 3 }
            #expect(bob.events.compactMap(\.accepted).map(\.sequence) == [1, 2, 1])
            await bob.close()
            // Nor on another connection. The account is free when the relay has seen the end of the first.
            var again = bob
            let isIn = try await eventually {
                again = try await relay.connectInBinary()
                try await again.send(.login("bob"))
                try await again.hears("answer") { !$0.events.isEmpty }
                return again.events.first?.welcome != nil
            }
            #expect(isIn)
            try await again.send(.publish("two", id: "2"), .publish("three", id: "3"))
            try await again.hears("two acknowledgements") { $0.events.compactMap(\.accepted).count == 2 }
            #expect(again.events.compactMap(\.accepted).map(\.sequence) == [2, 3])
            try await alice.hears("[bob]: three\n")
            #expect(alice.text.hasSuffix("Message history:\n[bob]: one\n[bob]: two\n[bob]: three\n"))
        }
    }

    @Test func `the same session takes the place of its old connection, and goes on where it was`() async throws {
        try await RunningRelay.run { relay in
            let alice = try await relay.lines(as: "alice")
            let old = try await relay.binary(as: "bob", session: "b")
            try await alice.send("one\n")
            try await old.hears("message") { $0.events.last?.message?.sequence == 1 }
            let log = try #require(old.events.first?.welcome?.heads.first?.log)
            // Another session of the account is there beside it.
            let other = try await relay.binary(as: "bob", session: "c")
            let new = try await relay.connectInBinary()
            let position = WirePosition.with { ($0.room, $0.log, $0.sequence) = ("lobby", log, 1) }
            try await new.send(.login("bob", session: "b", after: position))
            try await old.isLeft()
            #expect(old.events.last?.bye?.reason == .replaced)
            try await alice.send("two\n")
            try await new.hears("message") { $0.events.last?.message?.sequence == 2 }
            #expect(new.events.compactMap(\.message).map(\.text) == ["two"])
            try await other.hears("message") { $0.events.last?.message?.sequence == 2 }
        }
    }

    @Test func `a publisher that says good-bye at once is still told what was accepted`() async throws {
        try await RunningRelay.run { relay in
            let bob = try await relay.binary(as: "bob")
            try await bob.send(.publish("last words", id: "1"), .bye(WireBye()))
            try await bob.isLeft()
            #expect(bob.events.compactMap(\.accepted).map(\.sequence) == [1])
            #expect(bob.events.last?.bye?.reason == .requested)
        }
    }
}
