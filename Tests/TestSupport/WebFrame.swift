// SPDX-License-Identifier: Apache-2.0

package import NIOCore

/// A frame of a WebSocket (RFC 6455, section 5.2), byte for byte: what a client sends, and what it is sent.
package struct WebFrame: Equatable, Sendable {
    package let kind: UInt8
    package let payload: [UInt8]

    package init(kind: UInt8, payload: [UInt8]) {
        (self.kind, self.payload) = (kind, payload)
    }

    package var text: String { String(decoding: payload, as: UTF8.self) }

    /// The reason that a close frame gives.
    package var closeCode: Int? {
        kind == 0x8 && payload.count >= 2 ? Int(payload[0]) << 8 | Int(payload[1]) : nil
    }

    /// What opens a WebSocket, as a page of the relay's does.
    package static func handshake(path: String = "/ws", origin: String? = nil) -> String {
        let field = origin.map { "Origin: \($0)\r\n" } ?? ""
        return
            "GET \(path) HTTP/1.1\r\nHost: 127.0.0.1:8081\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n"
            + "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\(field)\r\n"
    }

    /// The bytes of a frame as a client sends it.
    package static func masked(_ kind: UInt8, _ payload: some Collection<UInt8>, isLast: Bool = true) -> [UInt8] {
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

    /// The whole frames behind the answer to a handshake, up to the first that is masked or not whole in itself, which the
    /// relay never sends.
    package static func all(in answer: ByteBuffer) -> [WebFrame] {
        var rest = answer
        let end = rest.readableBytesView.firstRange(of: Array("\r\n\r\n".utf8))
        guard let head = end.flatMap({ rest.readSlice(length: $0.upperBound - rest.readerIndex) }) else { return [] }
        guard String(buffer: head).hasPrefix("HTTP/1.1 101 ") else { return [] }
        var frames: [WebFrame] = []
        while let frame = next(in: &rest) { frames.append(frame) }
        return frames
    }

    private static func next(in bytes: inout ByteBuffer) -> WebFrame? {
        guard let first = bytes.readInteger(as: UInt8.self), let short = bytes.readInteger(as: UInt8.self) else {
            return nil
        }
        let length: Int? =
            switch short {
            case 126: bytes.readInteger(as: UInt16.self).map(Int.init)
            case 127: bytes.readInteger(as: UInt64.self).map(Int.init)
            default: Int(short)
            }
        guard first & 0xF0 == 0x80, short < 128, let length else { return nil }
        return bytes.readBytes(length: length).map { WebFrame(kind: first & 0x0F, payload: $0) }
    }

    private static func bigEndian(_ number: Int) -> [UInt8] {
        withUnsafeBytes(of: UInt64(number).bigEndian) { Array($0) }
    }
}
