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
    private let entrance: Entrance
    private var bytes = ByteBuffer()
    private var deadline: Scheduled<Void>?
    private var isDecided = false
    private var isInputClosed = false

    init(place: Place, entrance: Entrance) {
        self.place = place
        self.entrance = entrance
    }

    func handlerAdded(context: ChannelHandlerContext) {
        switch place {
        case .outside where context.channel.isActive: waitForDialect(context)
        case .outside: break
        case .insideTLS:
            let end = entrance.visit.deadline
            deadline = context.eventLoop.assumeIsolated().scheduleTask(deadline: end) {
                self.entrance.logger.info("TLS handshake timed out")
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
        case is DoorEvent:
            return giveWay(context)
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
        entrance.logger.info("connection failed before it spoke", metadata: ["error": "\(error)"])
        context.close(promise: nil)
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        deadline?.cancel()
    }

    /// Another wants the place of somebody who has not said anything yet.
    private func giveWay(_ context: ChannelHandlerContext) {
        if case .outside = place, !isDecided {
            let words = context.channel.allocator.buffer(string: "Too many are logging in. Please try again later.\n")
            context.writeAndFlush(wrapOutboundOut(words), promise: nil)
        }
        isDecided = true
        context.close(promise: nil)
    }

    private func waitForDialect(_ context: ChannelHandlerContext) {
        deadline?.cancel()
        deadline = context.eventLoop.assumeIsolated().scheduleTask(in: entrance.surroundings.dialectTime) {
            if !self.isDecided { self.install(.lines, context) }
        }
    }

    private func decide(_ context: ChannelHandlerContext) {
        let isInside = if case .insideTLS = place { true } else { false }
        switch FirstBytes(bytes.readableBytesView, insideTLS: isInside) {
        case .undecided: break
        case .tls: installTLS(context)
        case .http: replace(with: WebDoor.handlers(entrance, on: context.eventLoop), context)
        case .dialect(let dialect):
            if dialect == .binary { bytes.moveReaderIndex(forwardBy: Dialect.binaryPreamble.utf8.count) }
            install(dialect, context)
        }
    }

    private func installTLS(_ context: ChannelHandlerContext) {
        guard case .outside(let tls) = place else { return }
        var inside = entrance
        inside.privacy = .mayTakePasswords
        let inner = FirstBytesHandler(place: .insideTLS, entrance: inside)
        replace(with: [NIOSSLServerHandler(context: tls), inner], context)
    }

    private func install(_ dialect: Dialect, _ context: ChannelHandlerContext) {
        replace(with: [entrance.makeConnection(dialect)], context)
    }

    private func replace(with handlers: [any ChannelHandler], _ context: ChannelHandlerContext) {
        isDecided = true
        deadline?.cancel()
        let pipeline = context.pipeline.syncOperations
        do {
            try pipeline.addHandlers(handlers, position: .after(self))
        } catch {
            entrance.logger.error("the pipeline could not be built", metadata: ["error": "\(error)"])
            return context.close(promise: nil)
        }
        if bytes.readableBytes > 0 {
            context.fireChannelRead(wrapInboundOut(bytes))
            context.fireChannelReadComplete()
        }
        if isInputClosed { context.fireUserInboundEventTriggered(ChannelEvent.inputClosed) }
        pipeline.removeHandler(context: context, promise: nil)
    }
}
