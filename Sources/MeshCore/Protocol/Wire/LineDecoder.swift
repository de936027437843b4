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
    /// Looks at many bytes at a time.
    fileprivate func indexOfLineFeed(from start: Int) -> Int? {
        var position = start
        while count - position >= 64 {
            let some = loadUnaligned(fromByteOffset: position, as: SIMD64<UInt8>.self)
            if any(some .== UInt8(ascii: "\n")) { break }
            position += 64
        }
        return self[position...].firstIndex(of: UInt8(ascii: "\n"))
    }
}
