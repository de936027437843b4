// SPDX-License-Identifier: Apache-2.0

import Foundation
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
            // So that little is on its way when nothing is read.
            .channelOption(.socketOption(.so_rcvbuf), value: 65_536)
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
    var events: [RelayEvent] { transcript.state.withLock { $0.decodedEvents() } }

    func send(_ text: String) async throws {
        try await send(ByteBuffer(string: text))
    }

    func send(_ bytes: ByteBuffer) async throws {
        try await channel.writeAndFlush(bytes)
    }

    func send(_ requests: RelayRequest...) async throws {
        try await send(ByteBuffer(requests))
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
        var search = Search(words)
        let isHeard = await eventually { transcript.state.withLock { search.succeeds(in: $0.bytes) } }
        try #require(isHeard, "heard \(text.suffix(500).debugDescription)", sourceLocation: place)
    }

    /// Waits until a condition holds for what has come.
    func hears(
        _ what: String,
        _ place: SourceLocation = #_sourceLocation,
        _ condition: (RelayPeer) -> Bool
    ) async throws {
        let isHeard = await eventually { condition(self) }
        try #require(isHeard, "no \(what); heard \(bytes.readableBytes) bytes", sourceLocation: place)
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

extension ByteBuffer {
    /// Requests in the binary dialect.
    init(_ requests: [RelayRequest]) {
        self.init()
        for request in requests { writeFrame(WireRelayRequest.with { $0.request = request }) }
    }
}

extension RelayEvent {
    var message: WireMessage? { if case .message(let message) = self { message } else { nil } }
    var accepted: WireAccepted? { if case .accepted(let accepted) = self { accepted } else { nil } }
    var welcome: WireWelcome? { if case .welcome(let welcome) = self { welcome } else { nil } }
    var bye: WireBye? { if case .bye(let bye) = self { bye } else { nil } }
    var error: WireError? { if case .error(let error) = self { error } else { nil } }
    var gap: WireGap? { if case .gap(let gap) = self { gap } else { nil } }
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
        private var decoder = RelayEventDecoder()
        private var undecoded = 0
        private var events: [RelayEvent] = []

        /// Decodes what has come since the last time.
        mutating func decodedEvents() -> [RelayEvent] {
            guard var rest = bytes.getSlice(at: undecoded, length: bytes.writerIndex - undecoded) else { return events }
            while let event = try? decoder.next(from: &rest) { events.append(event) }
            undecoded = bytes.writerIndex - rest.readableBytes
            return events
        }
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

// MARK: Publishing

extension RelayPeer {
    /// How many of its messages were accepted or refused.
    var answers: Int { events.count { $0.accepted != nil || $0.error != nil } }

    func publish(_ count: Int) async throws {
        try await send(ByteBuffer((0..<count).map { .publish("message \($0)", id: UUID().uuidString) }))
    }
}
