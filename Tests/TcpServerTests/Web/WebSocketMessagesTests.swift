// SPDX-License-Identifier: Apache-2.0

import MeshCore
import NIOCore
import NIOWebSocket
import Testing

@testable import tcp_server

@Suite struct WebSocketMessagesTests {
    private var messages = WebSocketMessages()

    @Test mutating func `a text message is a line, whether it ends in one or not`() throws {
        #expect(try messages.received(.of(.text, "{}")) == .bytes(.json, ByteBuffer(string: "{}\n")))
        #expect(try messages.received(.of(.text, "{}\n{}\n")) == .bytes(.json, ByteBuffer(string: "{}\n{}\n")))
        #expect(try messages.received(.of(.text, "")) == .bytes(.json, ByteBuffer(string: "\n")))
    }

    @Test mutating func `a binary message is passed on as it is`() throws {
        #expect(try messages.received(.of(.binary, "\u{1}a")) == .bytes(.binary, ByteBuffer(string: "\u{1}a")))
        #expect(messages.dialect == .binary)
    }

    @Test mutating func `the frames of a message are put together, with control frames between them`() throws {
        #expect(try messages.received(.of(.text, "{\"a\"", isLast: false)) == .bytes(.json, .init(string: "{\"a\"")))
        #expect(try messages.received(.of(.ping, "?")) == .ping(ByteBuffer(string: "?")))
        #expect(
            try messages.received(.of(.continuation, ":1}\n", isLast: false)) == .bytes(.json, .init(string: ":1}\n"))
        )
        #expect(try messages.received(.of(.pong, "")) == .pong)
        // What has come ends in a line's end.
        #expect(try messages.received(.of(.continuation, "")) == .bytes(.json, ByteBuffer()))
        #expect(try messages.received(.of(.text, "{}")) == .bytes(.json, ByteBuffer(string: "{}\n")))
    }

    @Test mutating func `what is masked is unmasked`() throws {
        var data = ByteBuffer(string: "{\"ping\":{}}")
        let key: WebSocketMaskingKey = [0xA1, 0x02, 0xFF, 0x7F]
        data.webSocketMask(key)
        let frame = WebSocketFrame(fin: true, opcode: .text, maskKey: key, data: data)
        #expect(try messages.received(frame) == .bytes(.json, ByteBuffer(string: "{\"ping\":{}}\n")))
    }

    @Test func `the first message says which dialect it is`() {
        let violation = #expect(throws: WebSocketMessages.Violation.self) {
            var messages = WebSocketMessages()
            _ = try messages.received(.of(.text, "{}"))
            _ = try messages.received(.of(.binary, "\u{0}"))
        }
        #expect(violation?.code == .unacceptableData)
    }

    @Test(
        arguments: [
            [.of(.text, "{}", isMasked: false)], [.of(.ping, "", isMasked: false)], [.of(.continuation, "{}")],
            [.of(.text, "{", isLast: false), .of(.text, "}")], [.of(.text, "{"), .of(.continuation, "}")],
            [.of(WebSocketOpcode(encodedWebSocketOpcode: 0x3), "")],
            [.of(WebSocketOpcode(encodedWebSocketOpcode: 0xB), "")],
            [.of(.text, "{}", reserved: .rsv1)], [.of(.binary, "{}", reserved: .rsv3)],
        ] as [[WebSocketFrame]]
    )
    func `frames that RFC 6455 does not allow end the connection`(frames: [WebSocketFrame]) throws {
        var messages = WebSocketMessages()
        for frame in frames.dropLast() { _ = try messages.received(frame) }
        let last = try #require(frames.last)
        let violation = #expect(throws: WebSocketMessages.Violation.self) { try messages.received(last) }
        #expect(violation?.code == .protocolError)
    }

    @Test(
        arguments: [
            ([], .normalClosure), ([0x03, 0xE8], .normalClosure), ([0x03, 0xE9], .goingAway),
            ([0x0F, 0xA0, 0x62, 0x79, 0x65], .unknown(4_000)),
        ] as [([UInt8], WebSocketErrorCode)]
    )
    func `a good-bye gives a reason, or none`(payload: [UInt8], code: WebSocketErrorCode) throws {
        var messages = WebSocketMessages()
        #expect(try messages.received(.of(.connectionClose, payload)) == .close(code))
    }

    @Test(
        arguments: [
            ([0x03], .protocolError), ([0x00, 0x00], .protocolError), ([0x03, 0xED], .protocolError),
            ([0xFF, 0xFF], .protocolError), ([0x03, 0xE8, 0xFF], .dataInconsistentWithMessage),
        ] as [([UInt8], WebSocketErrorCode)]
    )
    func `a good-bye with a reason that there is not is none`(payload: [UInt8], code: WebSocketErrorCode) {
        var messages = WebSocketMessages()
        let violation = #expect(throws: WebSocketMessages.Violation.self) {
            try messages.received(.of(.connectionClose, payload))
        }
        #expect(violation?.code == code)
    }

    @Test(arguments: [(0, 6), (125, 131), (126, 134), (65_535, 65_543), (65_536, 65_550)])
    func `a frame's length with its head is known`(length: Int, whole: Int) {
        #expect(WebSocketFrame.of(.binary, [UInt8](repeating: 0, count: length)).lengthOnTheWire == whole)
    }
}

extension WebSocketFrame {
    fileprivate static func of(
        _ kind: WebSocketOpcode?,
        _ text: String,
        isLast: Bool = true,
        isMasked: Bool = true,
        reserved: ReservedBits = []
    ) -> WebSocketFrame {
        var frame = of(kind, Array(text.utf8))
        frame.fin = isLast
        frame.maskKey = isMasked ? frame.maskKey : nil
        (frame.rsv1, frame.rsv3) = (reserved.contains(.rsv1), reserved.contains(.rsv3))
        return frame
    }

    fileprivate static func of(_ kind: WebSocketOpcode?, _ bytes: [UInt8]) -> WebSocketFrame {
        WebSocketFrame(fin: true, opcode: kind ?? .pong, maskKey: [0, 0, 0, 0], data: ByteBuffer(bytes: bytes))
    }
}
