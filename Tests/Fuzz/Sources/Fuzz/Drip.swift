// SPDX-License-Identifier: Apache-2.0

import MeshCore
import NIOCore

/// Bytes as a network may hand them over: in pieces whose sizes the input's own first bytes say.
///
/// The first byte says how many sizes follow (its low four bits); they are gone through again and again. Without any,
/// the pieces are single bytes.
struct Drip {
    let whole: ArraySlice<UInt8>
    let pieces: [ArraySlice<UInt8>]

    init(_ input: [UInt8]) {
        let count = input.first.map { Int($0 & 0x0F) } ?? 0
        let sizes = input.dropFirst().prefix(count).map { max(1, Int($0)) }
        whole = input.dropFirst(1 + count)
        var pieces: [ArraySlice<UInt8>] = []
        var rest = whole
        while !rest.isEmpty {
            let size = sizes.isEmpty ? 1 : sizes[pieces.count % sizes.count]
            pieces.append(rest.prefix(size))
            rest = rest.dropFirst(size)
        }
        self.pieces = pieces
    }
}

/// What a decoder made of some bytes.
struct Decoded<Message: Equatable>: Equatable {
    var messages: [Message] = []
    /// With one, the rest of the bytes was not looked at.
    var violation: WireViolation?
    /// How many bytes were still waiting for more.
    var rest = 0

    /// Feeds `pieces` to a decoder, one after the other, asking it for all it has after each.
    init(_ pieces: [ArraySlice<UInt8>], _ next: (inout ByteBuffer) throws(WireViolation) -> Message?) {
        var buffer = ByteBuffer()
        do throws(WireViolation) {
            for piece in pieces {
                buffer.writeBytes(piece)
                while let message = try next(&buffer) { messages.append(message) }
            }
            rest = buffer.readableBytes
        } catch {
            violation = error
        }
    }
}
