// SPDX-License-Identifier: Apache-2.0

import Logging
import MeshCore
import NIOCore
import NIOHTTP1
import NIOWebSocket

/// Answers a browser's HTTP requests, each at once from what the program carries inside it.
///
/// It leaves when the first request opened a WebSocket.
final class WebDoor: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    /// A request's line and fields, in bytes.
    static let headLimit = 8 * 1_024
    /// How long a connection stays that is between two requests.
    private static let idleTime = TimeAmount.seconds(2)
    /// Requests on one connection.
    private static let requestLimit = 100

    private let entrance: Entrance
    private let budget: WebBudget
    private var requests = 0
    private var isClosing = false
    private var deadline: Scheduled<Void>?

    private init(_ entrance: Entrance, _ budget: WebBudget) {
        self.entrance = entrance
        self.budget = budget
    }

    /// The handlers that take a connection whose first bytes are HTTP.
    static func handlers(_ entrance: Entrance, on loop: any EventLoop) -> [any ChannelHandler] {
        let budget = WebBudget(limit: headLimit)
        var limits = NIOHTTPDecoderLimitConfiguration()
        (limits.maxHeaderListSize, limits.maxHeaderFieldSize) = (headLimit, headLimit)
        limits.maxHeaderFieldCount = 100
        let requestDecoder = HTTPRequestDecoder(leftOverBytesStrategy: .forwardBytes, limitConfiguration: limits)
        let decoder = ByteToMessageHandler(requestDecoder)
        let encoder = HTTPResponseEncoder()
        let door = WebDoor(entrance, budget)
        let bound = NIOLoopBound(door, eventLoop: loop)
        let upgrader = NIOWebSocketServerUpgrader(
            maxFrameSize: RelayLimits.frame,
            automaticErrorHandling: false,
            shouldUpgrade: { channel, request in
                channel.eventLoop.makeSucceededFuture(bound.value.opensSocket(request) ? HTTPHeaders() : nil)
            },
            upgradePipelineHandler: { channel, _ in
                channel.eventLoop.makeCompletedFuture {
                    let handler = WebSocketHandler(bound.value.entrance, bound.value.budget)
                    try channel.pipeline.syncOperations.addHandler(handler)
                }
            }
        )
        let upgrade = HTTPServerUpgradeHandler(
            upgraders: [upgrader],
            httpEncoder: encoder,
            extraHTTPHandlers: [decoder, door],
            upgradeCompletionHandler: { _ in }
        )
        return [budget, encoder, decoder, upgrade, door]
    }

    func handlerAdded(context: ChannelHandlerContext) {
        waitForRequest(context)
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        deadline?.cancel()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !isClosing else { return }
        switch unwrapInboundIn(data) {
        case .head(let request): answer(request, context)
        // Nothing here takes a body: who sends one has been told so.
        case .body: break
        case .end: budget.takenAll()
        }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if let event = event as? ChannelEvent, event == .inputClosed { close(context) }
        if event is DoorEvent { context.close(promise: nil) }
        context.fireUserInboundEventTriggered(event)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        switch error {
        // The handshake was none; the request comes here next.
        case is NIOWebSocketUpgradeError, is HTTPServerUpgradeErrors: break
        case is HTTPParserError, is WebBudget.Exceeded:
            guard !isClosing else { return }
            count(.webRequest)
            send(WebAnswer(to: error), withBody: true, closing: true, context)
            close(context)
        default:
            entrance.logger.debug("connection failed", metadata: ["error": "\(error)"])
            context.close(promise: nil)
        }
    }

    private func opensSocket(_ request: HTTPRequestHead) -> Bool {
        let connection = request.headers[canonicalForm: "Connection"].map { $0.lowercased() }
        return request.method == .GET && request.uri.prefix { $0 != "?" } == WebAnswer.webSocketPath
            && connection.contains("upgrade") && request.headers["Host"].count == 1
            && entrance.origins.permits(request.headers)
    }

    private func answer(_ request: HTTPRequestHead, _ context: ChannelHandlerContext) {
        // Who asks for more before it has read what there is can come again on another connection.
        guard context.channel.isWritable else { return close(context) }
        requests += 1
        let answer = WebAnswer(to: request, privacy: entrance.privacy, origins: entrance.origins)
        let isRefusal = answer.status.code >= 400
        if isRefusal {
            count(answer.status == .forbidden ? .origin : .webRequest)
            entrance.logger.debug("request refused", metadata: ["status": "\(answer.status.code)"])
        }
        let goesOn = !isRefusal && requests < Self.requestLimit && request.isKeepAlive && !request.hasBody
        send(answer, withBody: request.method != .HEAD, closing: !goesOn, context)
        if goesOn { waitForRequest(context) } else { close(context) }
    }

    private func send(_ answer: WebAnswer, withBody: Bool, closing: Bool, _ context: ChannelHandlerContext) {
        var head = HTTPResponseHead(version: .http1_1, status: answer.status, headers: answer.headers)
        if answer.status != .notModified {
            head.headers.add(name: "Content-Length", value: "\(answer.body.readableBytes)")
        }
        if closing { head.headers.add(name: "Connection", value: "close") }
        if answer.status == .upgradeRequired { head.headers.add(name: "Connection", value: "upgrade") }
        context.write(wrapOutboundOut(.head(head)), promise: nil)
        if withBody, answer.body.readableBytes > 0 {
            context.write(wrapOutboundOut(.body(.byteBuffer(answer.body))), promise: nil)
        }
        context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
    }

    /// Ends our side behind what was written, and the whole a moment later.
    ///
    /// Closing at once while unread bytes are there would reset the connection and lose the answer.
    private func close(_ context: ChannelHandlerContext) {
        guard !isClosing else { return }
        isClosing = true
        let promise = context.eventLoop.makePromise(of: Void.self)
        promise.futureResult.assumeIsolated().whenComplete { _ in context.close(mode: .output, promise: nil) }
        context.writeAndFlush(wrapOutboundOut(.body(.byteBuffer(ByteBuffer()))), promise: promise)
        deadline?.cancel()
        deadline = context.eventLoop.assumeIsolated().scheduleTask(in: .milliseconds(500)) {
            context.close(promise: nil)
        }
    }

    /// A request has as long as a login, from the beginning of the connection; and a guest who asks for nothing more leaves
    /// soon, so that others from its address get in.
    private func waitForRequest(_ context: ChannelHandlerContext) {
        let end = entrance.visit.deadline
        let soon = requests == 0 ? end : NIODeadline.now() + Self.idleTime
        deadline?.cancel()
        deadline = context.eventLoop.assumeIsolated().scheduleTask(deadline: min(end, soon)) {
            context.close(promise: nil)
        }
    }
}

extension HTTPRequestHead {
    fileprivate var hasBody: Bool {
        headers.contains(name: "Transfer-Encoding") || headers.first(name: "Content-Length").map { $0 != "0" } == true
    }
}
