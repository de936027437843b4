// SPDX-License-Identifier: Apache-2.0

import Foundation
import NIOCore
import Testing

/// The other end of a WebSocket: frames out, byte for byte, and all frames that came in.
struct WebPeer: Sendable {
    struct Frame: Equatable {
        let kind: UInt8
        let payload: [UInt8]

        var text: String { String(decoding: payload, as: UTF8.self) }
        /// The reason that a close frame gives.
        var closeCode: Int? {
            kind == 0x8 && payload.count >= 2 ? Int(payload[0]) << 8 | Int(payload[1]) : nil
        }
    }

    let peer: RelayPeer

    /// Opens a WebSocket, as a page of the relay's does.
    static func open(
        _ relay: RunningRelay,
        _ manner: RelayPeer.Manner = .plain,
        origin: String? = nil,
        saying frames: [UInt8] = []
    ) async throws -> WebPeer {
        let peer = try await relay.connect(manner)
        var request = ByteBuffer(string: handshake(origin: origin))
        request.writeBytes(frames)
        try await peer.send(request)
        try await peer.hears("\r\n\r\n")
        return WebPeer(peer: peer)
    }

    static func handshake(path: String = "/ws", origin: String? = nil) -> String {
        let field = origin.map { "Origin: \($0)\r\n" } ?? ""
        return
            "GET \(path) HTTP/1.1\r\nHost: 127.0.0.1:8081\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n"
            + "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\(field)\r\n"
    }

    /// One frame as a client sends it.
    static func frame(_ kind: UInt8, _ payload: some Collection<UInt8>, isLast: Bool = true) -> [UInt8] {
        let length: [UInt8] =
            switch payload.count {
            case ..<126: [UInt8(payload.count)]
            case ..<65_536: [126] + bigEndian(payload.count).suffix(2)
            default: [127] + bigEndian(payload.count)
            }
        let mask: [UInt8] = [0x12, 0x34, 0x56, 0x78]
        let masked = zip(payload, 0...).map { byte, index in byte ^ mask[index % 4] }
        return [isLast ? 0x80 | kind : kind, 0x80 | length[0]] + length.dropFirst() + mask + masked
    }

    private static func bigEndian(_ number: Int) -> [UInt8] {
        withUnsafeBytes(of: UInt64(number).bigEndian) { Array($0) }
    }

    func send(_ text: String) async throws {
        try await send(Self.frame(0x1, text.utf8))
    }

    func send(_ bytes: [UInt8]) async throws {
        try await peer.send(ByteBuffer(bytes: bytes))
    }

    /// The frames that came; none may be masked or in parts.
    var frames: [Frame] {
        var rest = peer.bytes
        let bytes = Data(rest.readableBytesView)
        guard let head = bytes.range(of: Data("\r\n\r\n".utf8)) else { return [] }
        rest.moveReaderIndex(forwardBy: head.upperBound)
        var frames: [Frame] = []
        while let first = rest.readInteger(as: UInt8.self), let short = rest.readInteger(as: UInt8.self) {
            let length: Int? =
                switch short {
                case 126: rest.readInteger(as: UInt16.self).map(Int.init)
                case 127: rest.readInteger(as: UInt64.self).map(Int.init)
                default: Int(short)
                }
            guard let length, let payload = rest.readBytes(length: length) else { break }
            #expect(first & 0xF0 == 0x80)
            frames.append(Frame(kind: first & 0x0F, payload: payload))
        }
        return frames
    }

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
