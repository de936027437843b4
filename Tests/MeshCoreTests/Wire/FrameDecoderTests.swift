// SPDX-License-Identifier: Apache-2.0

import MeshCore
import NIOCore
import Testing

@Suite struct FrameDecoderTests {
    let decoder = FrameDecoder(limit: 300)

    @Test func `frames come out whole, however the bytes arrive`() throws {
        let frames = ["", "a", String(repeating: "b", count: 127), String(repeating: "c", count: 300)]
        var stream = ByteBuffer()
        for frame in frames {
            stream.writeVarint(UInt64(frame.utf8.count))
            stream.writeString(frame)
        }
        var arrived = ByteBuffer()
        var decoded: [String] = []
        while let byte: UInt8 = stream.readInteger() {
            arrived.writeInteger(byte)
            while let frame = try decoder.next(from: &arrived) { decoded.append(String(buffer: frame)) }
        }
        #expect(decoded == frames)
        #expect(arrived.readableBytes == 0)
    }

    @Test func `a length is checked before anything waits for it`() {
        for length: UInt64 in [301, 1 << 31, 1 << 62, 1 << 63, .max] {
            var buffer = ByteBuffer()
            buffer.writeVarint(length)
            #expect(throws: WireViolation.tooLong(limit: 300)) { try decoder.next(from: &buffer) }
        }
    }

    @Test func `a length of more than 64 bits is malformed`() {
        var eleven = ByteBuffer(bytes: [UInt8](repeating: 0x80, count: 10) + [1])
        #expect(throws: WireViolation.malformedLength) { try decoder.next(from: &eleven) }
        var tooWide = ByteBuffer(bytes: [UInt8](repeating: 0xFF, count: 9) + [2])
        #expect(throws: WireViolation.malformedLength) { try decoder.next(from: &tooWide) }
    }

    @Test func `a length without its end waits`() throws {
        for count in 0...9 {
            var buffer = ByteBuffer(bytes: [UInt8](repeating: 0x80, count: count))
            #expect(try decoder.next(from: &buffer) == nil)
            #expect(buffer.readableBytes == count)
        }
    }

    @Test(arguments: [(0, [0x00]), (127, [0x7F]), (128, [0x80, 0x01]), (300, [0xAC, 0x02])] as [(UInt64, [UInt8])])
    func `a varint has its groups in the order of protobuf`(value: UInt64, bytes: [UInt8]) {
        var buffer = ByteBuffer()
        buffer.writeVarint(value)
        #expect(Array(buffer.readableBytesView) == bytes)
    }
}
