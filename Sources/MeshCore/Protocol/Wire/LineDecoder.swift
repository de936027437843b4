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
        let view = buffer.readableBytesView
        guard let end = view.dropFirst(searched).firstIndex(of: UInt8(ascii: "\n")) else {
            searched = view.count
            // One more byte may be there: the `\r` of an end that is not whole.
            guard searched <= limit + 1 else { throw .tooLong(limit: limit) }
            return nil
        }
        searched = 0
        var length = end - view.startIndex
        let ending = length > 0 && view[end - 1] == UInt8(ascii: "\r") ? 2 : 1
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
