// SPDX-License-Identifier: Apache-2.0

import MeshCore
import NIOCore
import NIOPosix
import SwiftProtobuf
import TestSupport

/// A client of the binary dialect that publishes, is cut off and comes back, and keeps account of what it sees.
///
/// Belongs to one event loop.
final class StormClient: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    let user: String
    let session: String
    private(set) var account = StormAccount()
    private(set) var isOnline = false
    /// How often it logged in with its password, and with a ticket.
    private(set) var logins = (password: 0, ticket: 0)
    private let port: Int
    private let loop: any EventLoop
    private var generator: SeededGenerator
    private var ticket = ""
    private var log: UInt64 = 0
    private var unpublished: [String] = []
    /// Published, and not acknowledged yet: in this order they are sent again.
    private var unaccepted: [String] = []
    private var channel: (any Channel)?
    private var inbound = ByteBuffer()
    private var decoder = RelayEventDecoder()
    private var isStopped = false

    init(user: String, session: String, port: Int, seed: UInt64, on loop: any EventLoop) {
        (self.user, self.session, self.port, self.loop) = (user, session, port, loop)
        generator = SeededGenerator(seed: seed)
    }

    /// Says these from now on, and is disturbed meanwhile.
    func publish(_ texts: [String]) {
        unpublished = texts.reversed()
        publishMore()
        disturbLater()
    }

    func stop() {
        isStopped = true
        channel?.close(promise: nil)
    }

    func connect() {
        if isStopped { return }
        let handler = NIOLoopBound(self, eventLoop: loop)
        ClientBootstrap(group: loop)
            .channelOption(.allowRemoteHalfClosure, value: true)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(handler.value)
                }
            }
            .connect(host: "127.0.0.1", port: port)
            .assumeIsolated()
            .whenFailure { _ in self.comeBack() }
    }

    private func comeBack() {
        let pause = Int64.random(in: 5...50, using: &generator)
        loop.assumeIsolated().scheduleTask(in: .milliseconds(pause)) { self.connect() }
    }

    func channelActive(context: ChannelHandlerContext) {
        channel = context.channel
        inbound.clear()
        decoder = RelayEventDecoder()
        context.channel.write(ByteBuffer(string: Dialect.binaryPreamble), promise: nil)
        send(
            .login(
                .with {
                    ($0.user, $0.session) = (user, session)
                    if ticket.isEmpty { $0.password = "pw-\(user)" } else { $0.ticket = ticket }
                    if log > 0 {
                        $0.positions = [
                            .with { ($0.room, $0.log, $0.sequence) = ("lobby", log, account.position) }
                        ]
                    }
                }
            )
        )
        context.channel.flush()
    }

    func channelInactive(context: ChannelHandlerContext) {
        (channel, isOnline) = (nil, false)
        comeBack()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var bytes = unwrapInboundIn(data)
        inbound.writeBuffer(&bytes)
        do {
            while let event = try decoder.next(from: &inbound) { received(event, context) }
        } catch {
            // Who says nothing for half a second, as a busy client may, is taken for a person at nc, and greeted in words.
            if isOnline { account.misunderstood("\(error)") }
            // Nothing behind it can be understood.
            context.close(promise: nil)
        }
        inbound.discardReadBytes()
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if event as? ChannelEvent == .inputClosed { context.close(promise: nil) }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }

    private func received(_ event: RelayEvent, _ context: ChannelHandlerContext) {
        switch event {
        case .welcome(let welcome):
            if ticket.isEmpty { logins.password += 1 } else { logins.ticket += 1 }
            ticket = welcome.ticket
            log = welcome.heads.first { $0.room == "lobby" }?.log ?? 0
            isOnline = true
            for text in unaccepted { send(text) }
            context.channel.flush()
            publishMore()
        case .message(let message) where message.room == "lobby": account.delivered(message.sequence, message.text)
        case .gap(let gap) where gap.room == "lobby": account.announced(gap.first, gap.last)
        case .accepted(let accepted):
            guard let index = unaccepted.firstIndex(of: accepted.clientMessageID) else { return }
            account.accepted(accepted.sequence, unaccepted.remove(at: index))
            publishMore()
        case .refused(let refused):
            if refused.reason == .invalidTicket { ticket = "" }
            context.close(promise: nil)
        // It is sent again on the next connection.
        case .error: context.close(promise: nil)
        case .message, .gap, .bye, .pong, .joined, .left, .people, .page, .presence: break
        }
    }

    private func publishMore() {
        guard isOnline, let channel else { return }
        while unaccepted.count < 20, let text = unpublished.popLast() {
            unaccepted.append(text)
            send(text)
        }
        channel.flush()
    }

    private func send(_ text: String) {
        send(.publish(.with { ($0.clientMessageID, $0.text) = (text, text) }))
    }

    private func send(_ request: RelayRequest) {
        guard let channel else { return }
        var buffer = channel.allocator.buffer(capacity: 256)
        buffer.writeFrame(WireRelayRequest.with { $0.request = request })
        channel.write(buffer, promise: nil)
    }

    // MARK: Disturbances

    private func disturbLater() {
        let pause = Int64.random(in: 50...1_000, using: &generator)
        loop.assumeIsolated().scheduleTask(in: .milliseconds(pause)) {
            if self.isStopped || self.unpublished.isEmpty && self.unaccepted.isEmpty { return }
            self.disturb()
            self.disturbLater()
        }
    }

    private func disturb() {
        guard let channel else { return }
        switch Int.random(in: 0..<4, using: &generator) {
        case 0: channel.close(promise: nil)
        case 1: channel.close(mode: .output, promise: nil)
        default:
            let pause = Int64.random(in: 10...800, using: &generator)
            channel.setOption(.autoRead, value: false).assumeIsolated().whenSuccess {
                self.loop.assumeIsolated().scheduleTask(in: .milliseconds(pause)) {
                    channel.setOption(.autoRead, value: true).whenFailure { _ in }
                }
            }
        }
    }
}
