// SPDX-License-Identifier: Apache-2.0

import NIOCore
import NIOHTTP1

/// Closes a connection on which nothing has been asked for, and nothing said, for long.
///
/// It stands behind an `IdleStateHandler`. And it lets streams know that the server stops, of which the handlers between
/// tell nobody.
///
/// In front of all that answers, so that it sees every request and every answer.
final class IdleConnectionHandler: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias InboundOut = HTTPServerRequestPart
    typealias OutboundIn = HTTPServerResponsePart
    typealias OutboundOut = HTTPServerResponsePart

    private var unanswered = 0

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        if case .head = unwrapInboundIn(data) { unanswered += 1 }
        context.fireChannelRead(data)
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        if case .end = unwrapOutboundIn(data) { unanswered = max(0, unanswered - 1) }
        context.write(data, promise: promise)
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        switch event {
        // What is asked may take its time, and a stream may be silent.
        case is IdleStateHandler.IdleStateEvent: if unanswered == 0 { context.close(promise: nil) }
        case is ChannelShouldQuiesceEvent:
            context.fireUserInboundEventTriggered(ServerStops())
            context.fireUserInboundEventTriggered(event)
        default: context.fireUserInboundEventTriggered(event)
        }
    }
}

/// The server takes its leave: a stream ends, with the reason.
package struct ServerStops: Sendable {}
