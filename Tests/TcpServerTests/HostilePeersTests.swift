// SPDX-License-Identifier: Apache-2.0

import MeshCore
import NIOCore
import SwiftProtobuf
import TestSupport
import Testing

@testable import tcp_server

/// Clients that don't keep to the rules: each costs the relay little, and the others nothing.
@Suite struct HostilePeersTests {
    @Test func `before the login little is taken`() async throws {
        try await RunningRelay.run(.ofTests(dialectTime: .milliseconds(500))) { relay in
            let lines = try await relay.connect()
            try await lines.send(String(repeating: "x", count: 5_000))
            try await lines.isLeft()
            #expect(lines.text == "Enter username: Not understood: too much before the login.\n")
            let json = try await relay.connect()
            try await json.send("{" + String(repeating: "\n", count: 5_000))
            try await json.isLeft()
            #expect(json.text.contains(#""reason":"PROTOCOL_VIOLATION""#))
            let binary = try await relay.connectInBinary()
            try await binary.send(ByteBuffer([RelayRequest](repeating: .publish("x"), count: 1_000)))
            try await binary.isLeft()
            #expect(binary.events.last?.bye?.reason == .protocolViolation)
            #expect(binary.bytes.readableBytes < 65_536)
        }
    }

    @Test func `what is piped in behind a login is not too much`() async throws {
        try await RunningRelay.run { relay in
            let peer = try await relay.connect()
            let text = String(repeating: "x", count: 1_000)
            let texts = (0..<20).map { "\($0) \(text)\n" }.joined()
            try await peer.send("alice\nsecret\n" + texts)
            try await peer.endInput()
            try await peer.isLeft()
            #expect(peer.text.hasSuffix("Welcome, alice!\nMessage history:\n"))
            try await relay.lines(as: "bob").hears("[alice]: 19 x")
        }
    }

    @Test func `a line that never ends is cut off`() async throws {
        try await RunningRelay.run { relay in
            let alice = try await relay.lines(as: "alice")
            alice.sendInBackground(ByteBuffer(repeating: UInt8(ascii: "x"), count: 1_000_000))
            try await alice.hears("Not understood: longer than 65536 bytes.\n")
            try await alice.isLeft()
        }
    }

    @Test(arguments: [
        [UInt8](repeating: 0x80, count: 9) + [0x01], [UInt8](repeating: 0xFF, count: 16), [0x81, 0x80, 0x04],
        [0x02, 0xFF, 0xFF], [0x00], Array("\u{5}hello".utf8),
    ])
    func `bytes that are no frame end the connection`(bytes: [UInt8]) async throws {
        try await RunningRelay.run { relay in
            let stranger = try await relay.connectInBinary()
            try await stranger.send(ByteBuffer(bytes: bytes))
            try await stranger.isLeft()
            #expect(stranger.events.map(\.bye?.reason) == [.protocolViolation])
            let member = try await relay.binary(as: "alice")
            try await member.send(ByteBuffer(bytes: bytes))
            try await member.isLeft()
            #expect(member.events.last?.bye?.reason == .protocolViolation)
        }
    }

    @Test func `random bytes harm nobody`() async throws {
        try await RunningRelay.run { relay in
            let (alice, bob) = try await (relay.lines(as: "alice"), relay.lines(as: "bob"))
            var generator = SeededGenerator(seed: 42)
            let starts = ["", "MESH/1\r\n", "{"].map { Array($0.utf8) } + [[0x16, 0x03], [0x16, 0x03, 0x01, 0x00]]
            for number in 0..<100 {
                let noise = (0..<Int.random(in: 0..<3_000, using: &generator)).map { _ in
                    UInt8.random(in: 0...255, using: &generator)
                }
                let peer = try await relay.connect()
                peer.sendInBackground(ByteBuffer(bytes: starts[number % starts.count] + noise))
                if number.isMultiple(of: 2) { try? await peer.endInput() } else { await peer.close() }
            }
            try await alice.send("still here\n")
            try await bob.hears("[alice]: still here\n")
        }
    }

    @Test(arguments: [RelayPeer.Manner.plain, .tls])
    func `who does not log in in time has to go`(manner: RelayPeer.Manner) async throws {
        try await RunningRelay.run(.ofTests(loginTime: .milliseconds(300))) { relay in
            let peer = try await relay.connect(manner)
            try await peer.send("alice\n")
            try await peer.hearsExactly("Enter username: Enter password: Login timed out.\n")
            try await peer.isLeft()
        }
    }

    @Test(arguments: [[0x16, 0x03], [0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00]] as [[UInt8]])
    func `a TLS handshake that is not finished is given up`(start: [UInt8]) async throws {
        try await RunningRelay.run(.ofTests(loginTime: .milliseconds(300))) { relay in
            let peer = try await relay.connect()
            try await peer.send(ByteBuffer(bytes: start))
            try await peer.isLeft(within: .seconds(4))
        }
    }

    @Test func `one too many is told so, until another has left`() async throws {
        try await RunningRelay.run(.ofTests(maximumConnections: 2)) { relay in
            let (alice, bob) = try await (relay.lines(as: "alice"), relay.lines(as: "bob"))
            for _ in 0..<3 {
                let carol = try await relay.connect()
                try await carol.isLeft()
                #expect(carol.text == "The server is full. Please try again later.\n")
            }
            await bob.close()
            let isFree = try await eventually {
                let carol = try await relay.connect()
                try await carol.send("carol\nsecret\n")
                return await eventually(within: .seconds(1)) { carol.text.contains("Welcome, carol!") }
            }
            #expect(isFree)
            try await alice.send("exit\n")
            try await alice.isLeft()
        }
    }

    @Test func `before the login little is said, whatever is asked`() async throws {
        try await RunningRelay.run { relay in
            let json = try await relay.connect()
            let questions = String(repeating: #"{"publish":{}}"# + "\n", count: 250)
            try await json.send(questions)
            try await json.isLeft()
            #expect(json.text.contains(#""reason":"PROTOCOL_VIOLATION""#))
            #expect(json.bytes.readableBytes < RelayLimits.bytesBeforeLogin + 512)
        }
    }

    @Test func `a guest who says nothing makes room for who brings a login, and is told so`() async throws {
        // Two places for guests.
        try await RunningRelay.run(.ofTests(maximumConnections: 20, dialectTime: .milliseconds(300))) { relay in
            let silent = try await relay.connect(.tls)
            let lines = try await relay.connect()
            try await silent.hears("Enter username: ")
            try await lines.hears("Enter username: ")
            _ = try await relay.lines(as: "alice")
            try await silent.isLeft()
            #expect(silent.text == "Enter username: Too many are logging in. Please try again later.\n")
        }
    }

    @Test func `one address has few guests where loopback counts, and as many as it likes where it doesn't`()
        async throws
    {
        var place = Relay.Place.ofTests(dialectTime: .milliseconds(1))
        place.guestsPerAddress = 3
        for counted in [CountedAddresses.all, .allButLoopback] {
            place.countedAddresses = counted
            try await RunningRelay.run(place) { relay in
                var peers: [RelayPeer] = []
                for _ in 0..<3 {
                    peers.append(try await relay.connect())
                    try await peers.last?.hears("Enter username: ")
                }
                let fourth = try await relay.connect()
                switch counted {
                case .allButLoopback: try await fourth.hears("Enter username: ")
                case .all:
                    try await fourth.isLeft()
                    #expect(fourth.text == "Too many are logging in from your address. Please try again later.\n")
                    // A member is no guest any more.
                    try await peers[0].send("alice\nsecret\n")
                    try await peers[0].hears("Welcome, alice!")
                    try await relay.connect().hears("Enter username: ")
                }
            }
        }
    }

    @Test func `attempts do not stretch the time for a login for ever`() async throws {
        try await RunningRelay.run(.ofTests(loginTime: .milliseconds(700), dialectTime: .milliseconds(1))) { relay in
            let peer = try await relay.connect()
            try await peer.hears("Enter username: ")
            _ = await eventually {
                try? await peer.send("alice\nwrong\n")
                return await eventually(within: .milliseconds(400)) { peer.isEnded }
            }
            #expect(peer.text.hasSuffix("Login timed out.\n"))
            #expect((1...8).contains(peer.text.ranges(of: "Invalid credentials.").count))
        }
    }

    @Test func `ten wrong passwords are enough`() async throws {
        try await RunningRelay.run { relay in
            let peer = try await relay.connect()
            try await peer.send(String(repeating: "alice\nwrong\n", count: 12))
            try await peer.isLeft()
            #expect(peer.text.ranges(of: "Invalid credentials.").count == 10)
            #expect(peer.text.hasSuffix("Too many failed logins.\n"))
        }
    }

    @Test(arguments: [RelayPeer.Manner.plain, .tls])
    func `who never reads stops nobody, and is told of the gap in the end`(manner: RelayPeer.Manner) async throws {
        try await RunningRelay.run(.ofTests(roomMemory: 1_024 * 1_024)) { relay in
            let (bob, carol) = try await (relay.binary(as: "bob"), relay.binary(as: "carol"))
            let dave = try await relay.binary(as: "dave", manner)
            try await dave.stopReading()
            let text = String(repeating: "x", count: 30_000)
            for number in 1...240 as ClosedRange<UInt64> {
                try await bob.send(.publish(text, id: "\(number)"))
                if number.isMultiple(of: 30) {
                    try await bob.hears("acceptance \(number)") { $0.events.last?.accepted?.sequence == number }
                }
            }
            try await carol.hears("last message") { $0.bytes.readableBytes > 240 * 30_000 }
            #expect(carol.events.compactMap(\.message).map(\.sequence) == Array(1...240))
            try await dave.readAgain()
            try await bob.send(.publish("end", id: "end"))
            try await dave.hears("last message") { $0.events.last?.message?.text == "end" }
            var next: UInt64 = 1
            var gaps = 0
            for event in dave.events {
                if let message = event.message {
                    #expect(message.sequence == next)
                    next += 1
                } else if let gap = event.gap {
                    #expect(gap.first == next && gap.last >= gap.first)
                    next = gap.last + 1
                    gaps += 1
                }
            }
            #expect(next == 242)
            #expect(gaps >= 1)
        }
    }
}
