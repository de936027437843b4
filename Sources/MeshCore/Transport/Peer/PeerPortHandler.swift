// SPDX-License-Identifier: Apache-2.0

import NIOCore

/// What a connection from outside is, as its first bytes say.
enum PeerDialect: Equatable {
    /// TLS; and all else, which TLS then turns away.
    case tls
    case http
    /// The earlier key-value program's messages.
    case json

    /// Nil as long as more bytes are needed.
    init?(_ bytes: some Collection<UInt8>) {
        guard let first = bytes.first else { return nil }
        if first == UInt8(ascii: "{") || first == UInt8(ascii: "\"") {
            self = .json
            return
        }
        for method in ["GET ", "HEAD ", "POST "] where zip(method.utf8, bytes).allSatisfy({ $0 == $1 }) {
            if bytes.count < method.utf8.count { return nil }
            self = .http
            return
        }
        self = .tls
    }
}

/// Looks at the first bytes of a connection from outside, and makes it what they say.
final class PeerPortHandler: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer

    private let patience: TimeAmount
    private let become: (PeerDialect, PeerPortHandler, any Channel) throws -> Void
    private let giveUp: (String) -> Void
    private var buffer = ByteBuffer()
    private var timer: Scheduled<Void>?
    private var hasDecided = false

    /// One of `become` and `giveUp` is called, once.
    init(
        patience: TimeAmount,
        become: @escaping (PeerDialect, PeerPortHandler, any Channel) throws -> Void,
        giveUp: @escaping (String) -> Void
    ) {
        (self.patience, self.become, self.giveUp) = (patience, become, giveUp)
    }

    func handlerAdded(context: ChannelHandlerContext) {
        let channel = context.channel
        timer = context.eventLoop.assumeIsolated().scheduleTask(in: patience) { channel.close(promise: nil) }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var bytes = unwrapInboundIn(data)
        buffer.writeBuffer(&bytes)
        guard !hasDecided, let dialect = PeerDialect(buffer.readableBytesView) else { return }
        decided()
        do { try become(dialect, self, context.channel) } catch { return context.close(promise: nil) }
        context.fireChannelRead(wrapInboundOut(buffer))
        context.fireChannelReadComplete()
        context.pipeline.syncOperations.removeHandler(self, promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) {
        if !hasDecided {
            decided()
            giveUp("it said nothing")
        }
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }

    private func decided() {
        hasDecided = true
        timer?.cancel()
    }
}
