// SPDX-License-Identifier: Apache-2.0

import NIOCore
import NIOHTTP1
import NIOWebSocket

/// Answers what is no WebSocket.
final class PeerHTTPHandler: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    /// For a request, and for a decision.
    static let patience = TimeAmount.seconds(10)

    private let isStopping: @Sendable () -> Bool
    private var head: HTTPRequestHead?
    /// An answer ends the connection: what comes behind its request is not looked at (RFC 9112, section 9.6).
    private var isAnswered = false
    private var timer: Scheduled<Void>?

    init(isStopping: @escaping @Sendable () -> Bool) {
        self.isStopping = isStopping
    }

    func handlerAdded(context: ChannelHandlerContext) {
        let channel = context.channel
        timer = context.eventLoop.assumeIsolated().scheduleTask(in: Self.patience) { channel.close(promise: nil) }
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        timer?.cancel()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        if isAnswered { return }
        switch unwrapInboundIn(data) {
        case .head(let head): self.head = head
        case .body: break
        case .end: if let head { answer(head, context) }
        }
    }

    private func answer(_ head: HTTPRequestHead, _ context: ChannelHandlerContext) {
        isAnswered = true
        let (status, text): (HTTPResponseStatus, String) =
            switch head.path {
            case "/ping": isStopping() ? (.serviceUnavailable, "stopping") : (.ok, "ok")
            case "/ws": (.forbidden, "not known, or no WebSocket")
            default: (.notFound, "there are /ping and /ws")
            }
        let headers: HTTPHeaders = [
            "content-type": "text/plain; charset=utf-8", "content-length": "\(text.utf8.count)", "connection": "close",
        ]
        context.write(
            wrapOutboundOut(.head(.init(version: head.version, status: status, headers: headers))),
            promise: nil
        )
        if head.method != .HEAD {
            context.write(wrapOutboundOut(.body(.byteBuffer(ByteBuffer(string: text)))), promise: nil)
        }
        let channel = context.channel
        context.writeAndFlush(wrapOutboundOut(.end(nil))).whenComplete { _ in channel.close(promise: nil) }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        // Who may not have a WebSocket gets an answer: the request follows.
        if error is NIOWebSocketUpgradeError { return }
        context.close(promise: nil)
    }
}

extension HTTPRequestHead {
    /// The target without what follows a question mark.
    var path: Substring { uri.prefix { $0 != "?" } }
}
