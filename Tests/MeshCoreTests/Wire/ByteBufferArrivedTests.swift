// SPDX-License-Identifier: Apache-2.0

import MeshCore
import NIOCore
import Testing

@Suite struct ByteBufferArrivedTests {
    @Test func `what arrives is read in its order, however it is cut`() {
        var buffer = ByteBuffer()
        for part in ["ab", "c", "", "de"] { buffer.append(arrived: ByteBuffer(string: part)) }
        #expect(buffer.readString(length: 3) == "abc")
        buffer.append(arrived: ByteBuffer(string: "f"))
        #expect(String(buffer: buffer) == "def")
    }

    @Test func `a buffer that is never empty does not grow by what went through it`() {
        var buffer = ByteBuffer(string: "x")
        for _ in 0..<10_000 {
            buffer.append(arrived: ByteBuffer(repeating: 0, count: 1_000))
            buffer.moveReaderIndex(forwardBy: 1_000)
        }
        #expect(buffer.readableBytes == 1)
        #expect(buffer.capacity < 10_000)
    }
}
