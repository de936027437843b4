// SPDX-License-Identifier: Apache-2.0

import NIOCore
import TestSupport
import Testing

/// The other end of a WebSocket: frames out, byte for byte, and all frames that came in.
struct WebPeer: Sendable {
    let peer: RelayPeer

    /// Opens a WebSocket, as a page of the relay's does.
    static func open(
        _ relay: RunningRelay,
        _ manner: RelayPeer.Manner = .plain,
        origin: String? = nil,
        saying frames: [UInt8] = []
    ) async throws -> WebPeer {
        let peer = try await relay.connect(manner)
        var request = ByteBuffer(string: WebFrame.handshake(origin: origin))
        request.writeBytes(frames)
        try await peer.send(request)
        try await peer.hears("\r\n\r\n")
        return WebPeer(peer: peer)
    }

    func send(_ text: String) async throws {
        try await send(WebFrame.masked(0x1, text.utf8))
    }

    func send(_ bytes: [UInt8]) async throws {
        try await peer.send(ByteBuffer(bytes: bytes))
    }

    /// The frames that came.
    var frames: [WebFrame] { WebFrame.all(in: peer.bytes) }

    /// What the text frames hold, joined.
    var text: String { frames.filter { $0.kind == 0x1 }.map(\.text).joined() }

    /// Waits until a condition holds for what has come.
    func hears(
        _ what: String,
        _ place: SourceLocation = #_sourceLocation,
        _ condition: (WebPeer) -> Bool
    ) async throws {
        try await peer.hears(what, place) { _ in condition(self) }
    }

    /// Waits until the text frames hold `words`.
    func hears(_ words: String, _ place: SourceLocation = #_sourceLocation) async throws {
        try await hears(words, place) { $0.text.contains(words) }
    }

    /// Waits until the relay has ended the connection, and gives the reason of its close frame.
    func isClosed(_ place: SourceLocation = #_sourceLocation) async throws -> Int? {
        try await peer.isLeft(place)
        return frames.last?.closeCode
    }

    func logIn(_ user: String) async throws {
        try await send(#"{"login":{"user":"\#(user)","password":"secret"}}"#)
        try await hears(#"{"welcome":{"user":"\#(user)""#)
    }
}
