// SPDX-License-Identifier: Apache-2.0

import MeshCore
import NIOCore
import NIOPosix
import NIOSSL
import SwiftProtobuf
import Synchronization
import TestSupport
import Testing

/// The other end of a connection to the relay: bytes out, and all that came in.
final class RelayPeer: Sendable {
    /// How the connection is made.
    enum Manner: Sendable {
        case plain
        case tls
    }

    private let channel: any Channel
    private let transcript: Transcript

    private init(_ channel: any Channel, _ transcript: Transcript) {
        (self.channel, self.transcript) = (channel, transcript)
    }

    static func connect(to address: SocketAddress, _ manner: Manner) async throws -> RelayPeer {
        let transcript = Transcript()
        var tls = TLSConfiguration.makeClientConfiguration()
        tls.certificateVerification = .none
        let tlsContext = try NIOSSLContext(configuration: tls)
        let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .channelOption(.allowRemoteHalfClosure, value: true)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let pipeline = channel.pipeline.syncOperations
                    if manner == .tls {
                        try pipeline.addHandler(NIOSSLClientHandler(context: tlsContext, serverHostname: nil))
                    }
                    try pipeline.addHandler(TranscriptHandler(transcript))
                }
            }
            .connect(to: address).get()
        return RelayPeer(channel, transcript)
    }

    /// All that came, as text.
    var text: String { String(buffer: transcript.state.withLock { $0.bytes }) }
    var bytes: ByteBuffer { transcript.state.withLock { $0.bytes } }
    /// Whether the relay has ended its side.
    var isEnded: Bool { transcript.state.withLock { $0.isEnded } }

    /// What came in the binary dialect.
    var events: [RelayEvent] {
        var decoder = RelayEventDecoder()
        var rest = bytes
        var events: [RelayEvent] = []
        while let event = try? decoder.next(from: &rest) { events.append(event) }
        return events
    }

    func send(_ text: String) async throws {
        try await send(ByteBuffer(string: text))
    }

    func send(_ bytes: ByteBuffer) async throws {
        try await channel.writeAndFlush(bytes)
    }

    func send(_ requests: RelayRequest...) async throws {
        var buffer = ByteBuffer()
        for request in requests { buffer.writeFrame(WireRelayRequest.with { $0.request = request }) }
        try await send(buffer)
    }

    /// Sends without waiting until it is gone.
    func sendInBackground(_ bytes: ByteBuffer) {
        channel.writeAndFlush(bytes, promise: nil)
    }

    /// Waits until all that came is `text`.
    func hearsExactly(_ text: String, _ place: SourceLocation = #_sourceLocation) async throws {
        let isHeard = await eventually(within: .seconds(10)) { self.text == text }
        try #require(isHeard, "heard \(self.text.debugDescription)", sourceLocation: place)
    }

    /// Waits until `words` have come.
    func hears(_ words: String, _ place: SourceLocation = #_sourceLocation) async throws {
        let isHeard = await eventually(within: .seconds(10)) { text.contains(words) }
        try #require(isHeard, "heard \(text.suffix(500).debugDescription)", sourceLocation: place)
    }

    /// Waits until the relay has ended its side.
    func isLeft(within patience: Duration = .seconds(10), _ place: SourceLocation = #_sourceLocation) async throws {
        let isLeft = await eventually(within: patience) { isEnded }
        try #require(isLeft, "still connected; heard \(text.suffix(500).debugDescription)", sourceLocation: place)
    }

    /// Ends our side, and goes on listening.
    func endInput() async throws {
        try await channel.close(mode: .output)
    }

    func stopReading() async throws {
        try await channel.setOption(.autoRead, value: false).get()
    }

    func readAgain() async throws {
        try await channel.setOption(.autoRead, value: true).get()
    }

    func close() async {
        try? await channel.close()
    }
}

extension RelayRequest {
    static func login(_ user: String, session: String = "", after position: WirePosition? = nil) -> RelayRequest {
        .login(
            .with {
                ($0.user, $0.password, $0.session) = (user, "secret", session)
                $0.positions = position.map { [$0] } ?? []
            }
        )
    }

    static func publish(_ text: String, id: String = "") -> RelayRequest {
        .publish(.with { ($0.text, $0.clientMessageID) = (text, id) })
    }
}

private final class Transcript: Sendable {
    struct State {
        var bytes = ByteBuffer()
        var isEnded = false
    }

    let state = Mutex(State())
}

private final class TranscriptHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let transcript: Transcript

    init(_ transcript: Transcript) {
        self.transcript = transcript
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let bytes = unwrapInboundIn(data)
        transcript.state.withLock { state in _ = state.bytes.writeImmutableBuffer(bytes) }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if event as? ChannelEvent == .inputClosed { end() }
    }

    func channelInactive(context: ChannelHandlerContext) {
        end()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }

    private func end() {
        transcript.state.withLock { $0.isEnded = true }
    }
}
