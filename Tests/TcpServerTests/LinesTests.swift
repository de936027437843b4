// SPDX-License-Identifier: Apache-2.0

import MeshCore
import NIOCore
import TestSupport
import Testing

@testable import tcp_server

/// The relay's lines dialect over real sockets, byte for byte as the earlier clients know it.
@Suite struct LinesTests {
    @Test(arguments: [RelayPeer.Manner.plain, .tls])
    func `the dialogue is the earlier server's, byte for byte`(manner: RelayPeer.Manner) async throws {
        try await RunningRelay.run(.ofTests(dialectTime: .milliseconds(500))) { relay in
            let alice = try await relay.connect(manner)
            try await alice.hearsExactly("Enter username: ")
            try await alice.send("alice\n")
            try await alice.hearsExactly("Enter username: Enter password: ")
            try await alice.send("wrong\n")
            let refused =
                "Enter username: Enter password: Invalid credentials. Please try again.\nEnter username: "
            try await alice.hearsExactly(refused)
            try await alice.send("  alice \r\nsecret\r\n")
            let welcomed = refused + "Enter password: Welcome, alice!\nMessage history:\n"
            try await alice.hearsExactly(welcomed)
            let bob = try await relay.lines(as: "bob", manner)
            try await bob.send("  hello \n\n \nhow are you?\r\n")
            try await alice.hearsExactly(welcomed + "[bob]: hello\n[bob]: how are you?\n")
            try await bob.send("exit\n")
            try await bob.isLeft()
            let promptly = "Enter username: Enter password: Welcome, bob!\nMessage history:\n"
            #expect(bob.text == promptly)
            let again = try await relay.lines(as: "bob", manner)
            // History has one's own messages too.
            try await again.hearsExactly(promptly + "[bob]: hello\n[bob]: how are you?\n")
        }
    }

    @Test func `an account is there once`() async throws {
        try await RunningRelay.run { relay in
            let first = try await relay.lines(as: "alice")
            let second = try await relay.connect()
            try await second.send("alice\nsecret\n")
            let words = "This username is already logged in. Please use a different username.\n"
            try await second.hearsExactly("Enter username: Enter password: \(words)Enter username: ")
            await first.close()
            let isFree = try await eventually {
                try await second.send("alice\nsecret\n")
                return second.text.contains("Welcome, alice!")
            }
            #expect(isFree)
        }
    }

    @Test func `all that was piped in before the end of the input counts`() async throws {
        try await RunningRelay.run { relay in
            let bob = try await relay.lines(as: "bob")
            let alice = try await relay.connect()
            try await alice.send("alice\nsecret\none\ntwo\nthree")
            try await alice.endInput()
            try await bob.hears("[alice]: one\n[alice]: two\n[alice]: three\n")
            try await alice.isLeft()
            #expect(alice.text.hasSuffix("Welcome, alice!\nMessage history:\n"))
        }
    }

    @Test(arguments: [RelayPeer.Manner.plain, .tls])
    func `who ends the input gets the whole history, however slowly it is read`(manner: RelayPeer.Manner) async throws {
        var place = Relay.Place.ofTests(dialectTime: .milliseconds(500))
        place.tellsLinesPresence = true
        try await RunningRelay.run(place) { relay in
            let bob = try await relay.lines(as: "bob")
            let line = String(repeating: "x", count: 20_000)
            let texts = (0..<300).map { "\($0) \(line)\n" }.joined()
            try await bob.send(texts)
            try await bob.send("last\n")
            try await relay.lines(as: "carol").hears("[bob]: last\n")
            let alice = try await relay.connect(manner)
            try await alice.hears("Enter username: ")
            try await alice.stopReading()
            try await alice.send("alice\nsecret\n")
            try await alice.endInput()
            // She is in the room, and stays there until she has read everything.
            try await bob.hears("alice joined.\n")
            #expect(!bob.text.contains("alice left.\n"))
            try await alice.readAgain()
            try await alice.isLeft()
            try await bob.hears("alice left.\n")
            let numbers = alice.text.split(separator: "\n").dropFirst(2).map { $0.split(separator: " ")[1] }
            #expect(numbers == (0..<300).map { "\($0)" } + ["last"])
        }
    }

    @Test func `a text can't steer a terminal, nor pass for somebody else's line`() async throws {
        try await RunningRelay.run { relay in
            let (alice, bob) = try await (relay.lines(as: "alice"), relay.lines(as: "bob"))
            try await alice.send("red: \u{1B}[31m\ra\u{9B}b\nfine\n")
            try await alice.hears("Message refused: it has control characters other than tab and newline\n")
            try await alice.send(ByteBuffer(bytes: [0xFF, 0xFE, 0x0A]))
            try await alice.hears("Message refused: it is not UTF-8\n")
            try await alice.send(String(repeating: "y", count: 32_001) + "\n")
            try await alice.hears("Message refused: it is longer than 32000 bytes\n")
            try await alice.send(String(repeating: "z", count: 32_000) + "\n")
            try await bob.hears("[alice]: fine\n[alice]: " + String(repeating: "z", count: 32_000) + "\n")
            #expect(!bob.text.contains("\u{1B}") && !bob.text.contains("yy"))
        }
    }
}
