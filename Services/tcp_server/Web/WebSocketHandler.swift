// SPDX-License-Identifier: Apache-2.0

import Logging
import MeshCore
import NIOCore
import NIOWebSocket

/// Stands between a WebSocket's frames and the connection behind it, which knows only bytes: each buffer that the
/// connection writes becomes one message, with the buffer itself in it, so that all readers go on sharing the log's.
///
/// Each buffer must hold whole objects or frames of the dialect, as many as it likes.
final class WebSocketHandler: ChannelDuplexHandler {
    typealias InboundIn = WebSocketFrame
    typealias InboundOut = ByteBuffer
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = WebSocketFrame

    /// As the registry that RFC 6455 began has it, in section 11.7.
    private static let tryAgainLater = WebSocketErrorCode(codeNumber: 1_013)

    private let entrance: Entrance
    private let budget: WebBudget
    private var messages = WebSocketMessages()
    private var connection: RelayConnection?
    /// Answered when all that came with it is taken: only the last of several needs an answer (RFC 6455, section 5.5.3).
    private var ping: ByteBuffer?
    private var hasSentClose = false
    private var bytesBeforeDialect = 0
    private var deadline: Scheduled<Void>?

    init(_ entrance: Entrance, _ budget: WebBudget) {
        self.entrance = entrance
        self.budget = budget
    }

    func handlerAdded(context: ChannelHandlerContext) {
        budget.takenAll()
        budget.goOn { self.connection?.isOnline == true ? nil : RelayLimits.bytesBeforeLogin }
        switch entrance.privacy {
        // It says so itself, before a password is sent.
        case .needsTLS: install(.json, context)
        case .mayTakePasswords:
            let end = entrance.visit.deadline
            deadline = context.eventLoop.assumeIsolated().scheduleTask(deadline: end) {
                self.end(.policyViolation, "Login timed out.", context)
            }
        }
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        deadline?.cancel()
        connection = nil
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let frame = unwrapInboundIn(data)
        budget.taken(frame.lengthOnTheWire)
        if hasSentClose {
            if frame.opcode == .connectionClose { context.close(promise: nil) }
            return
        }
        do {
            try take(frame, context)
        } catch {
            count(.violation)
            entrance.logger.info(
                "protocol violated",
                metadata: ["violation": "\(error.words)", "dialect": "WebSocket"]
            )
            end(error.code, "Not understood: \(error.words).", context)
        }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        context.fireChannelReadComplete()
        guard let ping, !hasSentClose else { return }
        self.ping = nil
        writeFrame(.pong, ping, context)
        context.flush()
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if let event = event as? ChannelEvent, event == .inputClosed, connection == nil || hasSentClose {
            context.close(promise: nil)
        }
        if event is DoorEvent, connection == nil { end(Self.tryAgainLater, "Too many are logging in.", context) }
        context.fireUserInboundEventTriggered(event)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        switch error {
        case NIOWebSocketError.invalidFrameLength:
            count(.violation)
            end(.messageTooLarge, "A frame may have \(RelayLimits.frame) bytes.", context)
        case is NIOWebSocketError:
            count(.violation)
            end(.protocolError, "Not understood: a control frame that is none.", context)
        case is WebBudget.Exceeded:
            count(.violation)
            end(.policyViolation, "Not understood: too much before the login.", context)
        default:
            context.fireErrorCaught(error)
            if connection == nil { context.close(promise: nil) }
        }
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        let bytes = unwrapOutboundIn(data)
        guard !hasSentClose else {
            promise?.fail(ChannelError.outputClosed)
            return
        }
        if bytes.readableBytes == 0 {
            // Written to learn when all before it is. Nobody has to answer a pong that was not asked for.
            return writeFrame(.pong, bytes, context, promise)
        }
        writeFrame(messages.dialect == .binary ? .binary : .text, bytes, context, promise)
    }

    func close(context: ChannelHandlerContext, mode: CloseMode, promise: EventLoopPromise<Void>?) {
        guard mode != .input, !hasSentClose, context.channel.isActive else {
            return context.close(mode: mode, promise: promise)
        }
        // A flush inside another waits for that one: closing at once would be faster than the last frame.
        let written = context.eventLoop.makePromise(of: Void.self)
        written.futureResult.assumeIsolated().whenComplete { _ in context.close(mode: mode, promise: promise) }
        writeClose(connection == nil ? .goingAway : .normalClosure, "", context, written)
        context.flush()
        closeInAMoment(context)
    }

    private func take(_ frame: WebSocketFrame, _ context: ChannelHandlerContext) throws(WebSocketMessages.Violation) {
        switch try messages.received(frame) {
        case .bytes(let dialect, let bytes):
            if connection == nil { install(dialect, context) }
            context.fireChannelRead(wrapInboundOut(bytes))
        case .ping(let payload):
            ping = payload
            if connection == nil { try spend(frame.lengthOnTheWire) }
        case .pong:
            if connection == nil { try spend(frame.lengthOnTheWire) }
        case .close(let code):
            // What came before it is taken first.
            context.fireChannelReadComplete()
            if !hasSentClose { writeClose(code, "", context) }
            context.flush()
            context.close(mode: .output, promise: nil)
            closeInAMoment(context)
        }
    }

    private func spend(_ bytes: Int) throws(WebSocketMessages.Violation) {
        bytesBeforeDialect += bytes
        guard bytesBeforeDialect <= RelayLimits.bytesBeforeLogin else {
            throw .init(code: .policyViolation, words: "too much before the login")
        }
    }

    private func install(_ dialect: Dialect, _ context: ChannelHandlerContext) {
        deadline?.cancel()
        let connection = entrance.makeConnection(dialect)
        self.connection = connection
        do {
            try context.pipeline.syncOperations.addHandler(connection, position: .after(self))
        } catch {
            entrance.logger.error("the pipeline could not be built", metadata: ["error": "\(error)"])
            context.close(promise: nil)
        }
    }

    /// Says why, and then ends the connection; the client has a moment to say good-bye, too.
    private func end(_ code: WebSocketErrorCode, _ words: String, _ context: ChannelHandlerContext) {
        guard !hasSentClose else { return }
        writeClose(code, words, context)
        context.flush()
        closeInAMoment(context)
    }

    /// However little the client reads.
    private func closeInAMoment(_ context: ChannelHandlerContext) {
        deadline?.cancel()
        deadline = context.eventLoop.assumeIsolated().scheduleTask(in: .milliseconds(500)) {
            context.close(promise: nil)
        }
    }

    private func writeClose(
        _ code: WebSocketErrorCode,
        _ words: String,
        _ context: ChannelHandlerContext,
        _ promise: EventLoopPromise<Void>? = nil
    ) {
        var payload = ByteBuffer()
        payload.write(webSocketErrorCode: code)
        payload.writeString(String(words.prefix(120)))
        writeFrame(.connectionClose, payload, context, promise)
        hasSentClose = true
    }

    private func writeFrame(
        _ kind: WebSocketOpcode,
        _ bytes: ByteBuffer,
        _ context: ChannelHandlerContext,
        _ promise: EventLoopPromise<Void>? = nil
    ) {
        context.write(wrapOutboundOut(WebSocketFrame(fin: true, opcode: kind, data: bytes)), promise: promise)
    }
}
