// SPDX-License-Identifier: Apache-2.0

import MeshCore
import NIOCore
import NIOPosix
import NIOSSL
import TestSupport
import Testing

@testable import tcp_client

@Suite struct RelayDialerTests {
    @Test func `a relay's key is remembered at the first meeting, and another one refused`() async throws {
        try await RelayOnPort.run { relay, directory in
            let dialer = try RelayDialer.ofTests(relay.endpoint, directory)
            for _ in 0..<2 { try? await dialer.dial().close() }
            try await relay.stop()
            try relay.changeKey()
            try await relay.start()
            let error = try await #require(throws: UntrustedRelay.self) { try await dialer.dial() }
            let words = dialer.explanation(of: error)
            #expect(words.hasPrefix("\(relay.endpoint) has another certificate than before, SHA256:"))
            #expect(words.hasSuffix("remove line 1 of \(directory)/known_relays"))
        }
    }

    @Test func `without TLS nothing is judged`() async throws {
        try await RelayOnPort.run { relay, _ in
            try await RelayDialer(relay: relay.endpoint, trust: nil).dial().close()
        }
    }

    @Test func `a server without TLS is told of in clear words`() async throws {
        try await withServer { channel in
            channel.writeAndFlush(ByteBuffer(string: "Enter username: "))
        } body: { endpoint, directory in
            let dialer = try RelayDialer.ofTests(endpoint, directory)
            let error = try await #require(throws: (any Error).self) { try await dialer.dial() }
            #expect(dialer.explanation(of: error) == "no TLS there (--no-tls speaks without)")
        }
    }

    @Test func `a server that closes the connection at once is not said to be slow`() async throws {
        try await withServer {
            $0.close()
        } body: { endpoint, directory in
            let dialer = try RelayDialer.ofTests(endpoint, directory)
            let error = try await #require(throws: (any Error).self) { try await dialer.dial() }
            let words = dialer.explanation(of: error)
            #expect(["the connection was closed before it was ready", "connection reset by peer"].contains(words))
        }
    }

    @Test func `a server that takes the connection and says nothing is not waited for for ever`() async throws {
        try await withServer {
            $0.eventLoop.makeSucceededVoidFuture()
        } body: { endpoint, directory in
            var dialer = try RelayDialer.ofTests(endpoint, directory)
            dialer.patience = .milliseconds(200)
            let error = try await #require(throws: (any Error).self) { try await dialer.dial() }
            #expect(dialer.explanation(of: error) == "no answer within 200ms")
        }
    }

    @Test func `where nobody listens the system's words tell it`() async throws {
        try await withTemporaryDirectory { directory in
            // Nobody listens on tcpmux's port.
            let dialer = try RelayDialer.ofTests(try #require(Endpoint("127.0.0.1:1")), directory)
            let error = try await #require(throws: (any Error).self) { try await dialer.dial() }
            #expect(dialer.explanation(of: error) == "connection refused")
        }
    }

    /// A server that does `greet` with each connection.
    private func withServer(
        _ greet: @escaping @Sendable (any Channel) -> EventLoopFuture<Void>,
        body: (Endpoint, _ directory: String) async throws -> Void
    ) async throws {
        let server = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelInitializer { channel in
                channel.eventLoop.execute { _ = greet(channel) }
                return channel.eventLoop.makeSucceededVoidFuture()
            }
            .bind(host: "127.0.0.1", port: 0).get()
        let address = try #require(server.localAddress)
        try await withTemporaryDirectory { try await body(#require(Endpoint(address.endpoint)), $0) }
        try await server.close()
    }
}

extension RelayDialer {
    /// A dialer that keeps what it knows in `directory`.
    static func ofTests(_ relay: Endpoint, _ directory: String) throws -> RelayDialer {
        var tls = TLSConfiguration.makeClientConfiguration()
        tls.certificateVerification = .noHostnameVerification
        let trust = Trust(
            tls: try NIOSSLContext(configuration: tls),
            known: KnownRelays(in: try StateDirectory(path: directory)),
            metNew: { _ in }
        )
        return RelayDialer(relay: relay, trust: trust)
    }

    fileprivate func dial() async throws -> any Channel {
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        return try await loop.flatSubmit {
            dial(RelayEventHandler(received: { _ in }, closed: { _ in }), on: loop)
        }.get()
    }
}
