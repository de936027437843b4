// SPDX-License-Identifier: Apache-2.0

import NIOCore
import NIOPosix
import Synchronization
import TestSupport

/// A TCP connection that a test sends bytes over as it likes; it remembers all that comes.
final class RawConnection: Sendable {
    private let channel: any Channel
    private let received: Received

    /// What came so far.
    private final class Received: ChannelInboundHandler, Sendable {
        typealias InboundIn = ByteBuffer
        let state = Mutex((text: ByteBuffer(), hasEnded: false))

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            _ = state.withLock { $0.text.writeImmutableBuffer(unwrapInboundIn(data)) }
        }

        func channelInactive(context: ChannelHandlerContext) {
            state.withLock { $0.hasEnded = true }
        }

        func errorCaught(context: ChannelHandlerContext, error: any Error) {
            context.close(promise: nil)
        }
    }

    /// Connects and says `first` at once: after half a second of silence the relay takes a connection for one of lines.
    ///
    /// `reads` is false for a client that never reads.
    init(port: Int, saying first: String = "", reads: Bool = true) async throws {
        let received = Received()
        self.received = received
        channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .channelOption(.autoRead, value: reads)
            .channelOption(.socketOption(.so_rcvbuf), value: reads ? 65_536 : 4_096)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture { try channel.pipeline.syncOperations.addHandler(received) }
            }
            .connect(host: "127.0.0.1", port: port)
            .flatMap { channel in
                channel.writeAndFlush(ByteBuffer(string: first)).map { channel }
            }
            .get()
    }

    var text: String { String(buffer: bytes) }
    var bytes: ByteBuffer { received.state.withLock { $0.text } }
    var hasEnded: Bool { received.state.withLock { $0.hasEnded } }

    func send(_ text: String) async throws {
        try await send(bytes: Array(text.utf8))
    }

    func send(bytes: [UInt8]) async throws {
        try await channel.writeAndFlush(ByteBuffer(bytes: bytes))
    }

    /// Hands bytes over without waiting until they are sent.
    func push(bytes: [UInt8]) {
        channel.writeAndFlush(ByteBuffer(bytes: bytes), promise: nil)
    }

    /// Waits until all that came, from the first byte on, is `text`.
    func says(exactly text: String) async -> Bool {
        await eventually { self.text == text }
    }

    func says(_ words: String) async -> Bool {
        var search = Search(words)
        return await eventually { received.state.withLock { search.succeeds(in: $0.text) } }
    }

    /// Ends what this side sends.
    func finishSending() async throws {
        try await channel.close(mode: .output)
    }

    func startReading() async throws {
        try await channel.setOption(.autoRead, value: true).get()
    }

    func close() {
        channel.close(promise: nil)
    }
}
