// SPDX-License-Identifier: Apache-2.0

import MeshCore
import NIOCore
import NIOPosix
import NIOSSL
import Synchronization

/// Somebody at the other end of a device's port who does as he pleases.
final class RawPeer: Sendable {
    private let channel: any Channel
    private let received: Received

    private final class Received: Sendable {
        let bytes = Mutex(ByteBuffer())
        let hasEnded = Mutex(false)
    }

    private final class Collector: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        private let received: Received

        init(_ received: Received) {
            self.received = received
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            var bytes = unwrapInboundIn(data)
            received.bytes.withLock { _ = $0.writeBuffer(&bytes) }
        }

        func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
            if event as? ChannelEvent == .inputClosed { received.hasEnded.withLock { $0 = true } }
            context.fireUserInboundEventTriggered(event)
        }

        func errorCaught(context: ChannelHandlerContext, error: any Error) {
            context.close(promise: nil)
        }
    }

    /// Connects; with a configuration, by TLS, whose handshake may fail later.
    init(to endpoint: Endpoint, tls: TLSConfiguration?) async throws {
        let received = Received()
        self.received = received
        channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .channelOption(.allowRemoteHalfClosure, value: true)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    if let tls {
                        let context = try NIOSSLContext(configuration: tls)
                        let handler = try NIOSSLClientHandler(context: context, serverHostname: nil)
                        try channel.pipeline.syncOperations.addHandler(handler)
                    }
                    try channel.pipeline.syncOperations.addHandler(Collector(received))
                }
            }
            .connect(host: endpoint.host, port: Int(endpoint.port)).get()
    }

    /// TLS as a device speaks it, with the certificate of `identity`.
    static func tls(_ identity: Identity) throws -> TLSConfiguration {
        try tls(certificatePEM: identity.certificatePEM, keyPEM: identity.keyPEM)
    }

    static func tls(certificatePEM: String, keyPEM: String) throws -> TLSConfiguration {
        var tls = TLSConfiguration.makeClientConfiguration()
        tls.certificateVerification = .none
        tls.applicationProtocols = ["mesh/1"]
        tls.shutdownTimeout = .milliseconds(100)
        tls.certificateChain = [.certificate(try NIOSSLCertificate(bytes: Array(certificatePEM.utf8), format: .pem))]
        tls.privateKey = .privateKey(try NIOSSLPrivateKey(bytes: Array(keyPEM.utf8), format: .pem))
        return tls
    }

    /// The device has closed the connection.
    var isClosed: Bool { !channel.isActive || received.hasEnded.withLock(\.self) }

    /// The messages that came, as far as they are whole.
    var messages: [WirePeerMessage] {
        received.bytes.withLock { bytes in
            var rest = bytes
            var decoder = MessageDecoder<WirePeerMessage>.binary(limit: 64 * 1024)
            var messages: [WirePeerMessage] = []
            while let message = try? decoder.next(from: &rest) { messages.append(message) }
            return messages
        }
    }

    func send(_ bytes: ByteBuffer) async throws {
        try await channel.writeAndFlush(bytes)
    }

    func send(_ text: String) async throws {
        try await send(ByteBuffer(string: text))
    }

    /// Takes nothing in any more.
    func stopReading() async throws {
        try await channel.setOption(.autoRead, value: false).get()
    }

    func closeOutput() async throws {
        try await channel.close(mode: .output)
    }

    func close() async {
        try? await channel.close()
    }
}
