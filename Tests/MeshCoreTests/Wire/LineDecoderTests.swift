// SPDX-License-Identifier: Apache-2.0

import MeshCore
import NIOCore
import Testing

@Suite struct LineDecoderTests {
    @Test func `lines come out whole, however the bytes arrive`() throws {
        var decoder = LineDecoder(limit: 10)
        var arrived = ByteBuffer()
        var lines: [String] = []
        for byte in "one\n\ntwo\r\n\r\na\rb\r\n0123456789\n0123456789\r\nrest".utf8 {
            arrived.writeInteger(byte)
            while let line = try decoder.next(from: &arrived) { lines.append(String(buffer: line)) }
        }
        #expect(lines == ["one", "", "two", "", "a\rb", "0123456789", "0123456789"])
        let (rest, nothing) = (decoder.last(from: &arrived), decoder.last(from: &arrived))
        #expect(rest.map { String(buffer: $0) } == "rest")
        #expect(nothing == nil)
    }

    @Test func `a line without an end is refused at the limit`() {
        var decoder = LineDecoder(limit: 10)
        var buffer = ByteBuffer(string: "0123456789")
        #expect(throws: Never.self) { try decoder.next(from: &buffer) }
        buffer.writeString("\r")
        #expect(throws: Never.self) { try decoder.next(from: &buffer) }
        buffer.writeString("x")
        #expect(throws: WireViolation.tooLong(limit: 10)) { try decoder.next(from: &buffer) }
    }

    @Test func `a line that is too long is refused with its end as well`() {
        var decoder = LineDecoder(limit: 10)
        var buffer = ByteBuffer(string: "0123456789a\n")
        #expect(throws: WireViolation.tooLong(limit: 10)) { try decoder.next(from: &buffer) }
    }

    @Test func `the end of a line is found wherever it stands`() throws {
        for length in 0..<200 {
            var decoder = LineDecoder(limit: 200)
            var buffer = ByteBuffer(repeating: 0x61, count: length)
            buffer.writeString("\nrest")
            #expect(try decoder.next(from: &buffer)?.readableBytes == length)
            #expect(try decoder.next(from: &buffer) == nil && buffer.readableBytes == 4)
        }
    }
}
