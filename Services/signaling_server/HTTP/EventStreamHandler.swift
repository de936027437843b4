// SPDX-License-Identifier: Apache-2.0

import HTTPTypes
import MeshCore
package import NIOCore
package import NIOHTTPTypes

/// Sends what a feed has to one reader: at the end of the connection's pipeline from the moment that its request is
/// answered with a stream.
///
/// The reader is a position in the feed's log. When its socket can take more, it is given the bytes from there to the
/// head in one write; while it can't, nothing is kept for it. One who stays behind for too long is cut off with a reason,
/// and can resume.
package final class EventStreamHandler: ChannelInboundHandler {
    package typealias InboundIn = HTTPRequestPart
    package typealias OutboundOut = HTTPResponsePart

    /// The times and sizes of a stream.
    package struct Bounds: Sendable {
        package var keepAlive = TimeAmount.seconds(15)
        /// For how long a reader may take nothing.
        package var patience = TimeAmount.seconds(10)
        /// About the bytes of one write.
        package var part = 64 * 1_024

        package init() {}
    }

    private enum State {
        /// What came before the stream is being written by somebody else.
        case preparing
        /// All up to here is written.
        case streaming(UInt64)
        case ended
    }

    private let feed: EventFeed
    private let topic: String?
    private let bounds: Bounds
    /// Whether the reader still may have it: looked up at the start, with each keep-alive, and when rights have changed.
    private let isAllowed: @Sendable () async -> Bool
    private var state = State.preparing
    private var context: ChannelHandlerContext?
    private var listener: Int?
    /// What the feed said of rights when the reader's was looked up last.
    private var rights: UInt64
    private var isLookingUp = false
    private var keepAlive: RepeatedTask?
    private var stall: Scheduled<Void>?

    package init(
        feed: EventFeed,
        topic: String?,
        bounds: Bounds,
        isAllowed: @Sendable @escaping () async -> Bool
    ) {
        (self.feed, self.topic, self.bounds, self.isAllowed) = (feed, topic, bounds, isAllowed)
        rights = feed.rights
    }

    package func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        let bound = NIOLoopBound(self, eventLoop: context.eventLoop)
        let wake = NIOLoopBound({ [weak self] in self?.advance() } as () -> Void, eventLoop: context.eventLoop)
        listener = feed.add(EventFeed.Listener(loop: context.eventLoop, wake: wake))
        keepAlive = context.eventLoop.scheduleRepeatedTask(initialDelay: bounds.keepAlive, delay: bounds.keepAlive) {
            _ in
            bound.value.sendKeepAlive()
            bound.value.checkRight()
        }
        // They may have changed since the request was granted.
        checkRight()
        watchForStall(context)
    }

    package func handlerRemoved(context: ChannelHandlerContext) {
        stop()
        self.context = nil
    }

    package func channelInactive(context: ChannelHandlerContext) {
        stop()
        context.fireChannelInactive()
    }

    package func channelWritabilityChanged(context: ChannelHandlerContext) {
        watchForStall(context)
        advance()
        context.fireChannelWritabilityChanged()
    }

    package func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        switch event {
        case is ServerStops: end(.stopping)
        // Who closes one half of the connection has closed all that a stream needs.
        case ChannelEvent.inputClosed: context.close(promise: nil)
        default: break
        }
        context.fireUserInboundEventTriggered(event)
    }

    /// What came before is written: from here on the feed counts.
    package func stream(from position: UInt64) {
        guard case .preparing = state else { return }
        state = .streaming(position)
        advance()
    }

    private func advance() {
        if rights != feed.rights { checkRight() }
        while !isLookingUp, case .streaming(let position) = state, let context, context.channel.isWritable {
            switch feed.part(after: position, topic: topic, limit: bounds.part) {
            case .nothing: return
            case .gone: end(.behind)
            case .events(let bytes, let end):
                state = .streaming(end)
                if bytes.readableBytes > 0 { write(bytes, context) }
            }
        }
    }

    private func sendKeepAlive() {
        guard case .streaming = state, let context, context.channel.isWritable else { return }
        write(ByteBuffer(string: ServerSentEvent.keepAlive), context)
    }

    /// Who was put out, or whose token ended, is not told more.
    private func checkRight() {
        guard let context, !isLookingUp else { return }
        (isLookingUp, rights) = (true, feed.rights)
        let bound = NIOLoopBound(self, eventLoop: context.eventLoop)
        let isAllowed = isAllowed
        context.eventLoop.makeFutureWithTask { await isAllowed() }.whenSuccess { isAllowed in
            bound.value.isLookingUp = false
            if isAllowed { bound.value.advance() } else { bound.value.end(.revoked) }
        }
    }

    private func write(_ bytes: ByteBuffer, _ context: ChannelHandlerContext) {
        context.writeAndFlush(wrapOutboundOut(.body(bytes)), promise: nil)
    }

    private func watchForStall(_ context: ChannelHandlerContext) {
        if context.channel.isWritable {
            stall?.cancel()
            stall = nil
        } else if stall == nil {
            let bound = NIOLoopBound(self, eventLoop: context.eventLoop)
            stall = context.eventLoop.scheduleTask(in: bounds.patience) { bound.value.end(.slow) }
        }
    }

    /// Says why, and closes the connection when that is written, or soon where it can't be.
    private func end(_ reason: StreamEnd) {
        if case .ended = state { return }
        guard let context else { return }
        state = .ended
        reason.count()
        stop()
        let event = ServerSentEvent(
            name: WatchEvent.bye.rawValue,
            data: JSON.object(["reason": .string(reason.rawValue)]).description
        )
        write(ByteBuffer(string: event.text), context)
        let bound = NIOLoopBound(context, eventLoop: context.eventLoop)
        let closing = context.eventLoop.scheduleTask(in: .seconds(5)) { bound.value.close(promise: nil) }
        context.writeAndFlush(wrapOutboundOut(.end(nil))).whenComplete { _ in
            closing.cancel()
            bound.value.close(promise: nil)
        }
    }

    private func stop() {
        if let listener, let context { feed.remove(listener, on: context.eventLoop) }
        listener = nil
        keepAlive?.cancel()
        keepAlive = nil
        stall?.cancel()
        stall = nil
        if case .streaming = state, context?.channel.isActive != true { state = .ended }
    }
}
