// SPDX-License-Identifier: Apache-2.0

package import NIOCore

extension ByteBuffer {
    /// Appends bytes that arrived, and lets go of those that were read.
    ///
    /// A buffer that always holds the beginning of a next message would otherwise keep all that ever went through it.
    package mutating func append(arrived bytes: ByteBuffer) {
        if readableBytes == 0 {
            self = bytes
        } else {
            discardReadBytes()
            writeImmutableBuffer(bytes)
        }
    }
}
