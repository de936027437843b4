// SPDX-License-Identifier: Apache-2.0

package import NIOCore

/// Cuts a stream into lines that end in `\n` or `\r\n`.
package struct LineDecoder: Equatable, Sendable {
    /// The longest line, in bytes without its end.
    package let limit: Int
    /// How many readable bytes of the buffer are known to hold no `\n`: each byte is looked at once.
    private var searched = 0

    package init(limit: Int) {
        self.limit = limit
    }

    /// The next whole line without its end, taken out of `buffer`; nil when more bytes are needed.
    ///
    /// Between two calls bytes may be added to `buffer`, but not taken out.
    package mutating func next(from buffer: inout ByteBuffer) throws(WireViolation) -> ByteBuffer? {
        let count = buffer.readableBytes
        guard var length = buffer.withUnsafeReadableBytes({ [searched] in $0.indexOfLineFeed(from: searched) }) else {
            searched = count
            // One more byte may be there: the `\r` of an end that is not whole.
            guard searched <= limit + 1 else { throw .tooLong(limit: limit) }
            return nil
        }
        searched = 0
        let before: UInt8? = length > 0 ? buffer.getInteger(at: buffer.readerIndex + length - 1) : nil
        let ending = before == UInt8(ascii: "\r") ? 2 : 1
        length -= ending - 1
        guard length <= limit else { throw .tooLong(limit: limit) }
        let line = buffer.readSlice(length: length)
        buffer.moveReaderIndex(forwardBy: ending)
        return line
    }

    /// What is left when the stream ends in the middle of a line; nil if nothing is.
    package mutating func last(from buffer: inout ByteBuffer) -> ByteBuffer? {
        searched = 0
        let rest = buffer.readSlice(length: buffer.readableBytes)
        return rest.flatMap { $0.readableBytes == 0 ? nil : $0 }
    }
}

extension UnsafeRawBufferPointer {
    /// Looks at eight bytes at a time (Warren, "Hacker's Delight", 6-1): a byte of `difference` is zero where a line ends.
    fileprivate func indexOfLineFeed(from start: Int) -> Int? {
        var position = start
        while count - position >= 8 {
            let difference = loadUnaligned(fromByteOffset: position, as: UInt64.self) ^ 0x0A0A_0A0A_0A0A_0A0A
            if (difference &- 0x0101_0101_0101_0101) & ~difference & 0x8080_8080_8080_8080 != 0 { break }
            position += 8
        }
        while position < count, self[position] != UInt8(ascii: "\n") { position += 1 }
        return position < count ? position : nil
    }
}
