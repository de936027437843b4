// SPDX-License-Identifier: Apache-2.0

package import NIOCore
import NIOHTTP1
import NIOWebSocket
import SwiftProtobuf

/// Somebody who wants to speak with the device by WebSocket, as the earlier p2p program does.
package struct WebKnock: Sendable {
    /// What the header `PeerID` says.
    package let peerID: String
    /// Who it is, as TLS has proven; nil without TLS.
    package let device: DeviceID?
    package let address: String
    /// Whether it may.
    package let decision: EventLoopPromise<Bool>
}

/// Somebody who speaks with the device by WebSocket, for who decides about it.
package struct WebPeer: Sendable {
    /// Tells it from the others.
    package let number: Int
    /// As TLS has proven, where ``isProven``; else what it says it is.
    package let id: String
    package let isProven: Bool
    package let address: String
    private let channel: any Channel

    init(number: Int, id: String, isProven: Bool, address: String, channel: any Channel) {
        (self.number, self.id, self.isProven) = (number, id, isProven)
        (self.address, self.channel) = (address, channel)
    }

    /// False for one that is gone or does not read.
    package func send(_ text: String, time: MessageTime) -> Bool {
        let message = WirePeerMessage.with { ($0.sendTime, $0.message) = (time, text) }
        guard channel.isActive, channel.isWritable, let bytes: [UInt8] = try? message.serializedBytes() else {
            return false
        }
        let frame = WebSocketFrame(fin: true, opcode: .binary, data: ByteBuffer(bytes: bytes))
        channel.writeAndFlush(frame, promise: nil)
        return true
    }

    /// So much of what came has been dealt with, in bytes.
    package func taken(_ size: Int) { channel.pipeline.fireUserInboundEventTriggered(WebTextsTaken(size: size)) }

    package func close() { channel.close(promise: nil) }
}

/// The device has dealt with texts, and takes more.
private struct WebTextsTaken {
    let size: Int
}

/// Makes a connection one that speaks HTTP: `/ping`, and `/ws` for who may.
struct PeerWeb {
    let number: Int
    let address: String
    /// As TLS has proven; nil without TLS.
    let device: DeviceID?
    let isStopping: @Sendable () -> Bool
    /// Left when it speaks by WebSocket.
    let place: HalfOpenGate.Place
    let report: @Sendable (PeerEvent) -> Void

    func configure(_ channel: any Channel) throws {
        let responder = PeerHTTPHandler(isStopping: isStopping)
        let bound = NIOLoopBound(responder, eventLoop: channel.eventLoop)
        let upgrader = NIOWebSocketServerUpgrader(maxFrameSize: PeerLimits.frame, automaticErrorHandling: true) {
            mayUpgrade($0, $1)
        } upgradePipelineHandler: { channel, head in
            channel.eventLoop.makeCompletedFuture { try talk(on: channel, head) }
        }
        try channel.pipeline.syncOperations.configureHTTPServerPipeline(
            withServerUpgrade: (
                upgraders: [upgrader],
                completionHandler: { context in
                    context.pipeline.syncOperations.removeHandler(bound.value, promise: nil)
                }
            )
        )
        try channel.pipeline.syncOperations.addHandler(responder)
    }

    private func mayUpgrade(_ channel: any Channel, _ head: HTTPRequestHead) -> EventLoopFuture<HTTPHeaders?> {
        guard head.path == "/ws", let peerID = head.headers["PeerID"].first, head.headers["PeerID"].count == 1 else {
            return channel.eventLoop.makeSucceededFuture(nil)
        }
        let decision = channel.eventLoop.makePromise(of: Bool.self)
        // Whoever is to decide may be gone.
        channel.eventLoop.scheduleTask(in: PeerHTTPHandler.patience) { decision.succeed(false) }
        report(.webKnock(WebKnock(peerID: peerID, device: device, address: address, decision: decision)))
        return decision.futureResult.map { $0 ? HTTPHeaders() : nil }
    }

    private func talk(on channel: any Channel, _ head: HTTPRequestHead) throws {
        place.leave()
        let id = device?.description ?? head.headers["PeerID"].first ?? ""
        let peer = WebPeer(number: number, id: id, isProven: device != nil, address: address, channel: channel)
        try channel.pipeline.syncOperations.addHandlers([
            NIOWebSocketFrameAggregator(
                minNonFinalFragmentSize: 1,
                maxAccumulatedFrameCount: 64,
                maxAccumulatedFrameSize: PeerLimits.frame
            ),
            WebPeerHandler(peer, report: report),
        ])
    }
}

/// The earlier program's conversation: binary frames, each a message with a time and a text.
private final class WebPeerHandler: ChannelDuplexHandler {
    typealias InboundIn = WebSocketFrame
    typealias OutboundIn = Never
    typealias OutboundOut = WebSocketFrame

    private let peer: WebPeer
    private let report: @Sendable (PeerEvent) -> Void
    private var unanswered = 0
    private var pings: RepeatedTask?
    /// How much of what came waits for the device to take it, in bytes.
    private var untaken = 0
    private var readIsHeld = false

    init(_ peer: WebPeer, report: @escaping @Sendable (PeerEvent) -> Void) {
        (self.peer, self.report) = (peer, report)
    }

    func handlerAdded(context: ChannelHandlerContext) {
        report(.webOpened(peer))
        let channel = context.channel
        let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        pings = context.eventLoop.scheduleRepeatedTask(initialDelay: .seconds(10), delay: .seconds(10)) { _ in
            let (handler, context) = bound.value
            handler.unanswered += 1
            if handler.unanswered > 3 { return channel.close(promise: nil) }
            handler.send(.ping, ByteBuffer(), context)
        }
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        pings?.cancel()
        report(.webClosed(peer.number))
    }

    /// While the device has too much of it to deal with, or it takes nothing in, nothing is read from it.
    func read(context: ChannelHandlerContext) {
        if mayRead(context) { context.read() } else { readIsHeld = true }
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        readOn(context)
        context.fireChannelWritabilityChanged()
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        guard let taken = event as? WebTextsTaken else { return context.fireUserInboundEventTriggered(event) }
        untaken -= taken.size
        readOn(context)
    }

    private func mayRead(_ context: ChannelHandlerContext) -> Bool {
        context.channel.isWritable && untaken < PeerLimits.untaken
    }

    private func readOn(_ context: ChannelHandlerContext) {
        guard readIsHeld, mayRead(context) else { return }
        readIsHeld = false
        context.read()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let frame = unwrapInboundIn(data)
        switch frame.opcode {
        case .binary: received(frame.unmaskedData, context)
        case .ping: send(.pong, frame.unmaskedData, context)
        case .pong: unanswered = 0
        case .connectionClose:
            send(.connectionClose, frame.unmaskedData, context)
            context.close(promise: nil)
        default: end(.unacceptableData, context)
        }
    }

    private func received(_ bytes: ByteBuffer, _ context: ChannelHandlerContext) {
        unanswered = 0
        guard let message = try? WirePeerMessage(serializedBytes: Array(bytes.readableBytesView)), message.body == nil,
            (try? message.message.checkText(limit: PeerLimits.text)) != nil
        else { return end(.dataInconsistentWithMessage, context) }
        untaken += message.message.utf8.count
        report(.webText(peer.number, message.message))
    }

    private func end(_ code: WebSocketErrorCode, _ context: ChannelHandlerContext) {
        var bytes = ByteBuffer()
        bytes.write(webSocketErrorCode: code)
        send(.connectionClose, bytes, context)
        context.close(promise: nil)
    }

    private func send(_ opcode: WebSocketOpcode, _ bytes: ByteBuffer, _ context: ChannelHandlerContext) {
        context.writeAndFlush(wrapOutboundOut(WebSocketFrame(fin: true, opcode: opcode, data: bytes)), promise: nil)
    }
}
