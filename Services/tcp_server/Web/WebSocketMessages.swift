// SPDX-License-Identifier: Apache-2.0

import MeshCore
import NIOCore
import NIOWebSocket

/// Turns the frames of a WebSocket into the bytes of a dialect: a text message holds JSON objects, one a line, a binary
/// message frames of the binary dialect.
///
/// The first message says which of the two the connection speaks. A message may come in any number of frames; what they
/// hold is passed on as it comes, since the dialects have their own way of telling where one ends, and their own bounds.
struct WebSocketMessages: Equatable {
    /// What a frame means.
    enum Meaning: Equatable {
        /// Bytes of the dialect.
        case bytes(Dialect, ByteBuffer)
        case ping(ByteBuffer)
        case pong
        /// The client ends the connection, and says why.
        case close(WebSocketErrorCode)
    }

    /// Why the connection has to be closed.
    struct Violation: Error, Equatable {
        let code: WebSocketErrorCode
        let words: String

        static func protocolError(_ words: String) -> Violation { .init(code: .protocolError, words: words) }
    }

    private(set) var dialect: Dialect?
    /// A message has begun, and does not end with the last frame.
    private var isInside = false
    private var lastByte: UInt8?

    mutating func received(_ frame: WebSocketFrame) throws(Violation) -> Meaning {
        guard frame.maskKey != nil else { throw .protocolError("a frame that is not masked") }
        guard frame.reservedBits.isEmpty else { throw .protocolError("an extension that was not agreed on") }
        switch frame.opcode {
        case .text: return try begun(.json, frame)
        case .binary: return try begun(.binary, frame)
        case .continuation:
            guard isInside, let dialect else { throw .protocolError("the rest of a message that did not begin") }
            return continued(dialect, frame)
        case .ping: return .ping(frame.unmaskedData)
        case .pong: return .pong
        case .connectionClose: return .close(try Self.reason(of: frame.unmaskedData))
        default: throw .protocolError("an unknown kind of frame")
        }
    }

    private mutating func begun(_ dialect: Dialect, _ frame: WebSocketFrame) throws(Violation) -> Meaning {
        guard !isInside else { throw .protocolError("a message inside another") }
        guard self.dialect == nil || self.dialect == dialect else {
            throw .init(code: .unacceptableData, words: "text and binary messages on one connection")
        }
        self.dialect = dialect
        lastByte = nil
        return continued(dialect, frame)
    }

    private mutating func continued(_ dialect: Dialect, _ frame: WebSocketFrame) -> Meaning {
        var bytes = frame.unmaskedData
        isInside = !frame.fin
        lastByte = bytes.readableBytesView.last ?? lastByte
        // The end of the message is the end of the line.
        if dialect == .json, frame.fin, lastByte != UInt8(ascii: "\n") { bytes.writeInteger(UInt8(ascii: "\n")) }
        return .bytes(dialect, bytes)
    }

    /// What a close frame gives as its reason (RFC 6455, section 7.4).
    private static func reason(of payload: ByteBuffer) throws(Violation) -> WebSocketErrorCode {
        var payload = payload
        if payload.readableBytes == 0 { return .normalClosure }
        guard let code = payload.readInteger(as: UInt16.self), isSendable(code) else {
            throw .protocolError("a close frame with no reason that there is")
        }
        guard String(validating: payload.readableBytesView, as: UTF8.self) != nil else {
            throw .init(code: .dataInconsistentWithMessage, words: "words that are not UTF-8")
        }
        return WebSocketErrorCode(codeNumber: Int(code))
    }

    private static func isSendable(_ code: UInt16) -> Bool {
        switch code {
        case 1_000...1_003, 1_007...1_014, 3_000...4_999: true
        default: false
        }
    }
}

extension WebSocketFrame {
    /// How many bytes it came in, with a mask.
    var lengthOnTheWire: Int { length + (length < 126 ? 6 : length < 65_536 ? 8 : 14) }
}
