// SPDX-License-Identifier: Apache-2.0

import MeshCore
import NIOCore
import TestSupport
import Testing

@testable import tcp_server

@Suite struct StoppingTests {
    @Test func `everyone is told, each in its dialect`() async throws {
        try await RunningRelay.run(.ofTests(dialectTime: .milliseconds(500))) { relay in
            let lines = try await relay.lines(as: "alice")
            let binary = try await relay.binary(as: "bob", .tls)
            let json = try await relay.connect()
            try await json.send("{}\n")
            try await json.isLeft()
            let waiting = try await relay.connect(.tls)
            try await waiting.hears("Enter username: ")
            let speaking = try await relay.connect()
            try await speaking.send(#"{"login":{"user":"carol","password":"secret"}}"# + "\n")
            try await speaking.hears("welcome")
            await relay.stop()
            for peer in [lines, binary, waiting, speaking] { try await peer.isLeft() }
            #expect(lines.text.hasSuffix("The server is shutting down.\n"))
            #expect(waiting.text == "Enter username: The server is shutting down.\n")
            #expect(speaking.text.contains(#"{"bye":{"reason":"SHUTTING_DOWN""#))
            let bye = try #require(binary.events.last?.bye)
            #expect(bye.reason == .shuttingDown)
            #expect((500...5_000).contains(bye.retryAfterMilliseconds))
        }
    }

    @Test func `nobody can hold it up: who never reads, nor who does not finish a handshake`() async throws {
        try await RunningRelay.run { relay in
            let bob = try await relay.binary(as: "bob")
            var others: [RelayPeer] = []
            for (user, manner) in [("carol", RelayPeer.Manner.plain), ("dave", .tls)] {
                let peer = try await relay.binary(as: user, manner)
                try await peer.stopReading()
                others.append(peer)
            }
            for start in [[], [0x16], [0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00]] as [[UInt8]] {
                let peer = try await relay.connect()
                try await peer.send(ByteBuffer(bytes: start))
                others.append(peer)
            }
            let text = String(repeating: "x", count: 30_000)
            for number in 1...180 { try await bob.send(.publish(text, id: "\(number)")) }
            try await bob.hears("all acceptances") { $0.events.compactMap(\.accepted).count == 180 }
            let start = ContinuousClock.now
            await relay.stop()
            _ = await eventually { relay.hasStopped }
            #expect(ContinuousClock.now - start < .seconds(2))
            for peer in others { await peer.close() }
        }
    }

    @Test func `no connection is taken any more`() async throws {
        try await RunningRelay.run { relay in
            await relay.stop()
            _ = await eventually { relay.hasStopped }
            await #expect(throws: (any Error).self) { try await relay.connect() }
        }
    }
}
