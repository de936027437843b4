// SPDX-License-Identifier: Apache-2.0

import Logging
import MeshCore
import NIOCore
import NIOSSL
import NIOTLS

/// Looks at a connection's first bytes and puts the handlers in place that understand the rest; then it leaves.
///
/// For TLS it puts the TLS handler in place, and another of its own kind behind it.
final class FirstBytesHandler: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer
    typealias OutboundOut = ByteBuffer

    /// Where the bytes come from.
    enum Place {
        case outside(NIOSSLContext)
        case insideTLS
    }

    private let place: Place
    private let privacy: RelaySession.Privacy
    private let surroundings: Surroundings
    private let adopt: (RelayConnection) -> Void
    private let logger: Logger
    private var bytes = ByteBuffer()
    private var deadline: Scheduled<Void>?
    private var isDecided = false
    private var isInputClosed = false

    /// `adopt` is told of the connection that comes of it.
    init(
        place: Place,
        privacy: RelaySession.Privacy,
        surroundings: Surroundings,
        logger: Logger,
        adopt: @escaping (RelayConnection) -> Void
    ) {
        self.place = place
        self.privacy = privacy
        self.surroundings = surroundings
        self.logger = logger
        self.adopt = adopt
    }

    func handlerAdded(context: ChannelHandlerContext) {
        switch place {
        case .outside where context.channel.isActive: waitForDialect(context)
        case .outside: break
        case .insideTLS:
            deadline = context.eventLoop.assumeIsolated().scheduleTask(in: surroundings.loginTime) {
                self.logger.info("TLS handshake timed out")
                count(.brokenTLS)
                context.close(promise: nil)
            }
        }
    }

    func channelActive(context: ChannelHandlerContext) {
        if case .outside = place { waitForDialect(context) }
        context.fireChannelActive()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var more = unwrapInboundIn(data)
        bytes.writeBuffer(&more)
        if !isDecided { decide(context) }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        switch event {
        case let event as TLSUserEvent:
            if case .handshakeCompleted = event { waitForDialect(context) }
        case let event as ChannelEvent where event == .inputClosed && !isDecided:
            // Nothing more comes that could decide it.
            isInputClosed = true
            return install(.lines, context)
        default:
            break
        }
        context.fireUserInboundEventTriggered(event)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        count(.brokenTLS)
        logger.info("connection failed before it spoke", metadata: ["error": "\(error)"])
        context.close(promise: nil)
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        deadline?.cancel()
    }

    private func waitForDialect(_ context: ChannelHandlerContext) {
        deadline?.cancel()
        deadline = context.eventLoop.assumeIsolated().scheduleTask(in: surroundings.dialectTime) {
            if !self.isDecided { self.install(.lines, context) }
        }
    }

    private func decide(_ context: ChannelHandlerContext) {
        let isInside = if case .insideTLS = place { true } else { false }
        switch FirstBytes(bytes.readableBytesView, insideTLS: isInside) {
        case .undecided: break
        case .tls: installTLS(context)
        case .http: refuseHTTP(context)
        case .dialect(let dialect):
            if dialect == .binary { bytes.moveReaderIndex(forwardBy: Dialect.binaryPreamble.utf8.count) }
            install(dialect, context)
        }
    }

    private func installTLS(_ context: ChannelHandlerContext) {
        guard case .outside(let tls) = place else { return }
        let inner = FirstBytesHandler(
            place: .insideTLS,
            privacy: .mayTakePasswords,
            surroundings: surroundings,
            logger: logger,
            adopt: adopt
        )
        replace(with: [NIOSSLServerHandler(context: tls), inner], context)
    }

    private func install(_ dialect: Dialect, _ context: ChannelHandlerContext) {
        let connection = RelayConnection(
            dialect: dialect,
            privacy: privacy,
            surroundings: surroundings,
            logger: logger
        )
        adopt(connection)
        replace(with: [connection], context)
    }

    private func replace(with handlers: [any ChannelHandler], _ context: ChannelHandlerContext) {
        isDecided = true
        deadline?.cancel()
        let pipeline = context.pipeline.syncOperations
        do {
            try pipeline.addHandlers(handlers, position: .after(self))
        } catch {
            logger.error("the pipeline could not be built", metadata: ["error": "\(error)"])
            return context.close(promise: nil)
        }
        if bytes.readableBytes > 0 {
            context.fireChannelRead(wrapInboundOut(bytes))
            context.fireChannelReadComplete()
        }
        if isInputClosed { context.fireUserInboundEventTriggered(ChannelEvent.inputClosed) }
        pipeline.removeHandler(context: context, promise: nil)
    }

    private func refuseHTTP(_ context: ChannelHandlerContext) {
        isDecided = true
        count(.plaintextHTTP)
        let words = "This is a chat relay: use tcp_client, or nc.\n"
        let head = "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nContent-Length: \(words.utf8.count)\r\n"
        let answer = ByteBuffer(string: head + "Connection: close\r\n\r\n" + words)
        context.writeAndFlush(wrapOutboundOut(answer)).assumeIsolated().whenComplete { _ in context.close(promise: nil)
        }
    }
}
