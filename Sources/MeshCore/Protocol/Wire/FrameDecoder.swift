// SPDX-License-Identifier: Apache-2.0

package import NIOCore

/// How bytes from a peer can break the rules below the meaning of a message.
package enum WireViolation: Error, Equatable, Sendable {
    /// A frame or line is longer than `limit` bytes.
    case tooLong(limit: Int)
    /// A length that is no varint: more than ten bytes, or more than 64 bits.
    case malformedLength
    /// A frame or line that is no message of the schema.
    case malformedMessage
    /// A message that the schema allows and the protocol doesn't, named for the peer.
    case notAllowed(String)
}

extension WireViolation: CustomStringConvertible {
    package var description: String {
        switch self {
        case .tooLong(let limit): "longer than \(limit) bytes"
        case .malformedLength: "the frame's length is malformed"
        case .malformedMessage: "not a message of this protocol"
        case .notAllowed(let what): what
        }
    }
}

/// Cuts a stream into the frames of the binary dialect.
///
/// A frame is the standard delimited form of protobuf: a varint (base 128, least significant group first, the high bit
/// of a byte saying that another follows), then that many bytes. The length is checked before anything waits for it.
package struct FrameDecoder: Equatable, Sendable {
    package let limit: Int

    package init(limit: Int) {
        self.limit = limit
    }

    /// The next whole frame, taken out of `buffer` together with its length; nil when more bytes are needed.
    package func next(from buffer: inout ByteBuffer) throws(WireViolation) -> ByteBuffer? {
        var length: UInt64 = 0
        var prefix = 0
        while true {
            guard let byte: UInt8 = buffer.getInteger(at: buffer.readerIndex + prefix) else { return nil }
            // The tenth byte holds bit 63 alone.
            guard prefix < 9 || byte <= 1 else { throw .malformedLength }
            length |= UInt64(byte & 0x7F) << UInt64(7 * prefix)
            prefix += 1
            if byte & 0x80 == 0 { break }
        }
        guard length <= UInt64(limit) else { throw .tooLong(limit: limit) }
        guard let frame = buffer.getSlice(at: buffer.readerIndex + prefix, length: Int(length)) else { return nil }
        buffer.moveReaderIndex(forwardBy: prefix + Int(length))
        return frame
    }
}

extension ByteBuffer {
    /// Writes `value` as a varint.
    package mutating func writeVarint(_ value: UInt64) {
        var rest = value
        while rest >= 0x80 {
            writeInteger(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        writeInteger(UInt8(rest))
    }
}
