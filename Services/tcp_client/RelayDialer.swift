// SPDX-License-Identifier: Apache-2.0

import MeshCore
import MeshProgram
import NIOCore
import NIOPosix
import NIOSSL
import NIOTLS

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// Connects to a relay, over TLS unless told otherwise.
struct RelayDialer: Sendable {
    /// How a relay's certificate is judged.
    struct Trust: Sendable {
        let tls: NIOSSLContext
        let known: KnownRelays
        /// Told of a relay that was never met before.
        let metNew: @Sendable (KeyFingerprint) -> Void
    }

    let relay: Endpoint
    /// Nil for plaintext.
    let trust: Trust?
    /// How long the relay may take to answer, first to the connection, then to the TLS handshake.
    var patience = TimeAmount.seconds(10)

    /// A connection that is ready to be spoken on: with TLS, the handshake is done and the key is the known one.
    func dial(_ handler: RelayEventHandler, on loop: any EventLoop) -> EventLoopFuture<any Channel> {
        let ready = loop.makePromise(of: Void.self)
        let handlers = NIOLoopBound((handler, ready), eventLoop: loop)
        return ClientBootstrap(group: loop)
            .connectTimeout(patience)
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let (handler, ready) = handlers.value
                    guard let trust else {
                        ready.succeed()
                        return try channel.pipeline.syncOperations.addHandler(handler)
                    }
                    let objection = NIOLoopBoundBox<(any Error)?>(nil, eventLoop: loop)
                    try channel.pipeline.syncOperations.addHandlers(
                        tlsHandler(trust, objection),
                        HandshakeHandler(ready, objection),
                        handler
                    )
                }
            }
            .connect(host: relay.host, port: Int(relay.port))
            .flatMapError { error in
                ready.fail(error)
                return loop.makeFailedFuture(error)
            }
            .flatMap { channel in
                // A handshake has no deadline of its own.
                let deadline = loop.scheduleTask(in: patience) {
                    ready.fail(ChannelError.connectTimeout(patience))
                    channel.close(promise: nil)
                }
                ready.futureResult.whenComplete { _ in deadline.cancel() }
                return ready.futureResult.map { channel }
            }
    }

    /// Why a connection could not be made, in a person's words.
    func explanation(of error: any Error) -> String {
        switch error {
        case let error as UntrustedRelay: return error.description
        case let error as FileFault: return error.description
        case let error as NIOConnectionError:
            if let dns = error.dnsAError ?? error.dnsAAAAError, error.connectionErrors.isEmpty {
                return "\(relay.host) is not known: \(dns)"
            }
            let causes = error.connectionErrors.map { explanation(of: $0.error) }
            return causes.first ?? "no address of \(relay.host) answers"
        case let error as IOError: return String(cString: strerror(error.errnoCode)).lowercased()
        case ChannelError.connectTimeout(let time): return "no answer within \(TimeSpan(time))"
        case ChannelError.eof, NIOSSLError.uncleanShutdown: return "the connection was closed before it was ready"
        case is NIOSSLError: return "no TLS there (--no-tls speaks without)"
        default: return "\(error)"
        }
    }

    /// What is wrong with the key goes into `objection`: TLS itself says only that the handshake failed.
    private func tlsHandler(
        _ trust: Trust,
        _ objection: NIOLoopBoundBox<(any Error)?>
    ) throws -> NIOSSLClientHandler {
        let isAddress = (try? SocketAddress(ipAddress: relay.host, port: 0)) != nil
        return try NIOSSLClientHandler(
            context: trust.tls,
            serverHostname: isAddress ? nil : relay.host,
            customVerificationCallback: { certificates, promise in
                let judgement = Result { try judge(certificates, trust) }
                if case .failure(let error) = judgement { objection.value = error }
                promise.completeWith(judgement)
            }
        )
    }

    private func judge(_ certificates: [NIOSSLCertificate], _ trust: Trust) throws -> NIOSSLVerificationResult {
        guard let leaf = certificates.first else { return .failed }
        let fingerprint = KeyFingerprint(of: try leaf.extractPublicKey().toSPKIBytes())
        switch try trust.known.judge(fingerprint, of: relay) {
        case .known: break
        case .new: trust.metNew(fingerprint)
        case .changed(let line):
            throw UntrustedRelay(relay: relay, fingerprint: fingerprint, path: trust.known.path, line: line)
        }
        return .certificateVerified
    }
}

/// A relay that has another key than before.
struct UntrustedRelay: Error, CustomStringConvertible {
    let relay: Endpoint
    let fingerprint: KeyFingerprint
    let path: String
    let line: Int

    var description: String {
        "\(relay) has another certificate than before, \(fingerprint): either it was set up anew, or somebody is between "
            + "you and it. If its operator confirms the new one, remove line \(line) of \(path)"
    }
}

/// Says when the TLS handshake is done, or why it failed.
private final class HandshakeHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let ready: EventLoopPromise<Void>
    private let objection: NIOLoopBoundBox<(any Error)?>

    init(_ ready: EventLoopPromise<Void>, _ objection: NIOLoopBoundBox<(any Error)?>) {
        self.ready = ready
        self.objection = objection
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if let event = event as? TLSUserEvent, case .handshakeCompleted = event { ready.succeed() }
        context.fireUserInboundEventTriggered(event)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        ready.fail(objection.value ?? error)
        context.fireErrorCaught(error)
    }

    func channelInactive(context: ChannelHandlerContext) {
        ready.fail(ChannelError.eof)
        context.fireChannelInactive()
    }
}
