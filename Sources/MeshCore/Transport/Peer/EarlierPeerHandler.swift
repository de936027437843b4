// SPDX-License-Identifier: Apache-2.0

import NIOCore

/// Reads one request of the earlier key-value program, and answers it.
final class EarlierPeerHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let ask: (EarlierRequest, @escaping @Sendable (EarlierAnswer) -> Void) -> Void
    private var buffer = ByteBuffer()
    private var hasAsked = false
    /// How often what came looked whole and was not.
    private var attempts = 0
    private var timer: Scheduled<Void>?

    init(ask: @escaping (EarlierRequest, @escaping @Sendable (EarlierAnswer) -> Void) -> Void) {
        self.ask = ask
    }

    func handlerAdded(context: ChannelHandlerContext) {
        let channel = context.channel
        timer = context.eventLoop.assumeIsolated().scheduleTask(in: PeerHTTPHandler.patience) {
            channel.close(promise: nil)
        }
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        timer?.cancel()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        // One request is what a connection is for.
        if hasAsked { return }
        var bytes = unwrapInboundIn(data)
        buffer.writeBuffer(&bytes)
        guard buffer.readableBytes <= PeerLimits.frame else { return context.close(promise: nil) }
        guard EarlierRequest.mayBeWhole(buffer.readableBytesView) else { return }
        attempts += 1
        guard let json = try? JSON(parsing: buffer.readableBytesView) else {
            // Nobody sends a request in so many pieces but who wants it read again and again.
            if attempts == Self.mostAttempts { context.close(promise: nil) }
            return
        }
        hasAsked = true
        let channel = context.channel
        let answer: @Sendable (EarlierAnswer) -> Void = { answer in
            let written = channel.writeAndFlush(ByteBuffer(string: answer.json.description))
            written.whenComplete { _ in channel.close(promise: nil) }
        }
        guard let request = EarlierRequest(json) else { return answer(.refused("there is no such request")) }
        ask(request, answer)
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case .inputClosed = event as? ChannelEvent, !hasAsked { context.close(promise: nil) }
        context.fireUserInboundEventTriggered(event)
    }

    private static let mostAttempts = 64

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }
}
