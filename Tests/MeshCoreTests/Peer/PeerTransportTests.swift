// SPDX-License-Identifier: Apache-2.0

import Foundation
import MeshCore
import NIOCore
import NIOPosix
import NIOSSL
import TestSupport
import Testing

@Suite struct PeerTransportTests {
    @Test func `two devices prove who they are, greet, and exchange texts`() async throws {
        let (alice, bob) = (try TransportDevice(name: "alice"), try TransportDevice(name: "bob"))
        try await withListener(bob) { endpoint in
            alice.transport.dial(bob.id, [endpoint])
            #expect(await eventually { alice.names == ["bob"] && bob.names == ["alice"] })
            let link = try #require(alice.links.first)
            #expect(link.id == bob.id)
            #expect(try #require(bob.links.first).id == alice.id)
            link.send("hello")
            bob.links.first?.send("hi")
            #expect(await eventually { bob.texts == ["hello"] && alice.texts == ["hi"] })
            #expect(await eventually { alice.acknowledged == 1 && bob.acknowledged == 1 })
            link.ping(token: 3)
            #expect(await eventually { alice.roundTrips == 1 })
            link.close(.leaving)
            #expect(await eventually { alice.ends == [.closed(.leaving)] && bob.ends == [.goodbye(.leaving)] })
        }
    }

    @Test func `as many of the longest texts as may wait arrive in both directions at once`()
        async throws
    {
        let (alice, bob) = (try TransportDevice(name: "alice"), try TransportDevice(name: "bob"))
        try await withListener(bob) { endpoint in
            alice.transport.dial(bob.id, [endpoint])
            #expect(await eventually { alice.links.count == 1 && bob.links.count == 1 })
            let text = String(repeating: "x", count: PeerLimits.text)
            let count = PeerLimits.pendingBytes / PeerLimits.text
            for number in 1...count {
                alice.links.first?.send(text, number)
                bob.links.first?.send(text, number)
            }
            #expect(await eventually { alice.acknowledged == count && bob.acknowledged == count })
            alice.links.first?.close(.leaving)
        }
    }

    @Test func `a dial whose answer proves another id fails and names it`() async throws {
        let (alice, bob) = (try TransportDevice(name: "alice"), try TransportDevice(name: "bob"))
        let carol = try Identity(commonName: "carol", now: .now)
        try await withListener(bob) { endpoint in
            alice.transport.dial(carol.id, [endpoint])
            #expect(await eventually { alice.faults == [.otherDevice(endpoint, bob.id)] })
            #expect(bob.links.isEmpty)
        }
    }

    @Test func `the addresses of a device are tried in order`() async throws {
        let (alice, bob) = (try TransportDevice(name: "alice"), try TransportDevice(name: "bob"))
        let nobody = try #require(Endpoint("127.0.0.1:1"))
        try await withListener(bob) { endpoint in
            alice.transport.dial(bob.id, [nobody, endpoint])
            #expect(await eventually { alice.names == ["bob"] })
            alice.links.first?.close(.leaving)
        }
        alice.transport.dial(bob.id, [nobody])
        #expect(await eventually { alice.faults == [.notReached(nobody, "Connection refused")] })
        alice.transport.dial(bob.id, [])
        #expect(await eventually { alice.faults.last == .noAddress })
    }

    @Test func `of addresses that race the first that proves the id wins, and the others are cancelled`() async throws {
        let (alice, bob) = (try TransportDevice(name: "alice"), try TransportDevice(name: "bob"))
        // Takes connections in, and says nothing.
        let mute = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .bind(host: "127.0.0.1", port: 0).get()
        let port = UInt16(try #require(mute.localAddress?.port))
        let silent = try #require(Endpoint(host: "127.0.0.1", port: port))
        try await withListener(bob) { endpoint in
            alice.transport.dial(bob.id, [silent, endpoint])
            #expect(await eventually { alice.names == ["bob"] && bob.names == ["alice"] })
            #expect(alice.reports.map { $0.results.map(\.outcome) } == [[.cancelled, .chosen]])
            #expect(bob.links.count == 1)
            alice.links.first?.close(.leaving)
        }
        try await mute.close()
    }

    @Test func `who is refused is told why before the greeting`() async throws {
        let alice = try TransportDevice(name: "alice")
        let bob = try TransportDevice(name: "bob", admits: false)
        try await withListener(bob) { endpoint in
            alice.transport.dial(bob.id, [endpoint])
            #expect(await eventually { bob.links.count == 1 })
            bob.links.first?.close(.notListed)
            #expect(await eventually { alice.faults == [.ended(endpoint, .goodbye(.notListed))] })
        }
    }

    @Test func `what is no device is turned away, and a device still gets in`() async throws {
        let (alice, bob) = (try TransportDevice(name: "alice"), try TransportDevice(name: "bob"))
        var anonymous = TLSConfiguration.makeClientConfiguration()
        anonymous.certificateVerification = .none
        anonymous.applicationProtocols = ["mesh/1"]
        var otherProtocol = try RawPeer.tls(alice.identity)
        otherProtocol.applicationProtocols = ["other/1"]
        var old = try RawPeer.tls(alice.identity)
        old.maximumTLSVersion = .tlsv12
        let rsa = try RawPeer.tls(certificatePEM: RSACertificate.certificatePEM, keyPEM: RSACertificate.keyPEM)
        try await withListener(bob) { endpoint in
            for (number, tls) in [anonymous, otherProtocol, old, rsa].enumerated() {
                let peer = try await RawPeer(to: endpoint, tls: tls)
                // The write starts the handshake, and fails with it.
                try? await peer.send("MESH/1\r\n")
                #expect(await eventually { bob.turnedAway.count == number + 1 }, "number \(number)")
                #expect(await eventually { peer.isClosed }, "number \(number)")
                await peer.close()
            }
            let lines = [
                "MESH/1\r\n", "\u{16}\u{3}\u{1}\u{0}", String(repeating: "x", count: 70_000),
            ]
            for line in lines {
                let peer = try await RawPeer(to: endpoint, tls: nil)
                try? await peer.send(line)
                await peer.close()
            }
            #expect(await eventually { bob.turnedAway.count == 7 })
            #expect(bob.links.isEmpty)
            alice.transport.dial(bob.id, [endpoint])
            #expect(await eventually { bob.names == ["alice"] })
            alice.links.first?.close(.leaving)
        }
    }

    @Test(arguments: [
        ("XESH/1\r\n", ""),
        ("MESH/1\r\n", "\u{80}\u{80}\u{80}\u{80}\u{80}\u{80}\u{80}\u{80}\u{80}\u{1}"),
        ("MESH/1\r\n", "\u{FF}\u{FF}\u{FF}\u{FF}\u{FF}\u{FF}\u{FF}\u{FF}\u{FF}\u{FF}\u{FF}"),
        ("MESH/1\r\n", "\u{81}\u{80}\u{4}"),
        ("MESH/1\r\n", "\u{4}\u{FF}\u{FF}\u{FF}\u{FF}"),
        ("MESH/1\r\n", "\u{0}"),
    ])
    func `bytes that are no frames end the connection with a goodbye`(preamble: String, bytes: String) async throws {
        let bob = try TransportDevice(name: "bob")
        let mallory = try Identity(commonName: "mallory", now: .now)
        try await withListener(bob) { endpoint in
            let peer = try await RawPeer(to: endpoint, tls: try RawPeer.tls(mallory))
            // Each character stands for a byte.
            let raw = bytes.unicodeScalars.map { UInt8(truncatingIfNeeded: $0.value) }
            try await peer.send(ByteBuffer(bytes: Array(preamble.utf8) + raw))
            #expect(await eventually { bob.turnedAway.count == 1 })
            #expect(await eventually { peer.messages == [.goodbye(.protocolViolation)] })
            #expect(bob.links.isEmpty)
            await peer.close()
        }
    }

    @Test func `a conversation that arrives byte by byte is understood`() async throws {
        var options = PeerTransportOptions()
        // The raw peer answers no heartbeats.
        options.timing.heartbeat = .minutes(1)
        options.timing.greeting = .minutes(1)
        let bob = try TransportDevice(name: "bob", options: options)
        let alice = try Identity(commonName: "alice", now: .now)
        try await withListener(bob) { endpoint in
            let peer = try await RawPeer(to: endpoint, tls: try RawPeer.tls(alice))
            var bytes = ByteBuffer(string: "MESH/1\r\n")
            bytes.writeFrame(WirePeerMessage.greeting(PeerGreeting(name: "alice", version: "", instance: 1)))
            while let byte = bytes.readSlice(length: 1) { try await peer.send(byte) }
            #expect(await eventually { peer.messages.count == 1 })
            var text = ByteBuffer()
            text.writeFrame(WirePeerMessage.text("drop by drop", 1))
            while let byte = text.readSlice(length: 1) { try await peer.send(byte) }
            #expect(await eventually { bob.texts == ["drop by drop"] && peer.messages.last == .acknowledgement(1) })
            await peer.close()
            #expect(await eventually { bob.ends == [.lost] })
        }
    }

    @Test func `a peer that closes its half is gone`() async throws {
        let bob = try TransportDevice(name: "bob")
        let alice = try Identity(commonName: "alice", now: .now)
        try await withListener(bob) { endpoint in
            let peer = try await greeted(alice, at: endpoint)
            #expect(await eventually { bob.links.count == 1 })
            try await peer.closeOutput()
            #expect(await eventually { bob.ends == [.lost] })
            await peer.close()
        }
    }

    @Test func `a peer that says nothing more is given up after three heartbeats`() async throws {
        var options = PeerTransportOptions()
        options.timing.heartbeat = .milliseconds(50)
        let bob = try TransportDevice(name: "bob", options: options)
        let alice = try Identity(commonName: "alice", now: .now)
        try await withListener(bob) { endpoint in
            let peer = try await greeted(alice, at: endpoint)
            try await peer.stopReading()
            #expect(await eventually { bob.ends == [.silent(.milliseconds(150))] })
            await peer.close()
        }
    }

    @Test func `who does not finish TLS or does not greet is closed in time`() async throws {
        var options = PeerTransportOptions()
        options.timing.greeting = .milliseconds(100)
        let bob = try TransportDevice(name: "bob", options: options)
        let alice = try Identity(commonName: "alice", now: .now)
        try await withListener(bob) { endpoint in
            let mute = try await RawPeer(to: endpoint, tls: nil)
            let rude = try await RawPeer(to: endpoint, tls: try RawPeer.tls(alice))
            // On a busy machine even TLS may take too long.
            try? await rude.send("MESH/1\r\n")
            #expect(await eventually { mute.isClosed && bob.turnedAway.count == 2 })
            await mute.close()
            await rude.close()
        }
    }

    @Test func `no more connections wait to be admitted than allowed, and they keep out nobody`() async throws {
        var options = PeerTransportOptions()
        options.halfOpen = 2
        let bob = try TransportDevice(name: "bob", options: options)
        let alice = try TransportDevice(name: "alice")
        try await withListener(bob) { endpoint in
            let first = try await RawPeer(to: endpoint, tls: nil)
            let second = try await RawPeer(to: endpoint, tls: nil)
            try await first.send("x")
            try await second.send("\u{16}")
            let third = try await RawPeer(to: endpoint, tls: nil)
            let peers = [first, second, third]
            // In the order in which their event loops took them in.
            #expect(await eventually { peers.count(where: \.isClosed) == 1 })
            alice.transport.dial(bob.id, [endpoint])
            #expect(await eventually { bob.names == ["alice"] && peers.count(where: \.isClosed) == 2 })
            alice.links.first?.close(.leaving)
            for peer in peers { await peer.close() }
        }
    }

    /// A raw peer that has greeted and was admitted.
    private func greeted(_ identity: Identity, at endpoint: Endpoint) async throws -> RawPeer {
        let peer = try await RawPeer(to: endpoint, tls: try RawPeer.tls(identity))
        var bytes = ByteBuffer(string: "MESH/1\r\n")
        bytes.writeFrame(WirePeerMessage.greeting(PeerGreeting(name: "raw", version: "", instance: 1)))
        try await peer.send(bytes)
        #expect(await eventually { !peer.messages.isEmpty })
        return peer
    }
}
