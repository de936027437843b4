// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
package import NIOCore
package import SwiftProtobuf

/// Cuts a stream into messages of the schema, in one of the two forms that have any.
package enum MessageDecoder<Message: SwiftProtobuf.Message & Sendable>: Sendable {
    case json(LineDecoder)
    case binary(FrameDecoder)

    /// Messages of at most `limit` bytes, one a line, in protobuf's canonical JSON form.
    package static func json(limit: Int) -> Self { .json(LineDecoder(limit: limit)) }

    /// Messages of at most `limit` bytes, each after its length.
    package static func binary(limit: Int) -> Self { .binary(FrameDecoder(limit: limit)) }

    /// The next message, taken out of `buffer`; nil when more bytes are needed.
    ///
    /// Empty lines are passed over.
    package mutating func next(from buffer: inout ByteBuffer) throws(WireViolation) -> Message? {
        switch self {
        case .binary(let decoder):
            guard let frame = try decoder.next(from: &buffer) else { return nil }
            return try Self.message(in: frame)
        case .json(var decoder):
            defer { self = .json(decoder) }
            while let line = try decoder.next(from: &buffer) {
                if line.readableBytes == 0 { continue }
                return try Self.parse {
                    try Message(jsonUTF8Bytes: Array(line.readableBytesView), options: jsonOptions)
                }
            }
            return nil
        }
    }

    /// The message that a whole frame is.
    package static func message(in frame: ByteBuffer) throws(WireViolation) -> Message {
        try parse { try Message(serializedBytes: FrameBytes(frame), options: binaryOptions) }
    }

    private static func parse(_ body: () throws -> Message) throws(WireViolation) -> Message {
        do { return try body() } catch { throw .malformedMessage }
    }
}

/// A frame's bytes as they stand in the buffer.
private struct FrameBytes: SwiftProtobufContiguousBytes {
    private var buffer: ByteBuffer

    init(_ frame: ByteBuffer) { buffer = frame }

    init(repeating byte: UInt8, count: Int) { buffer = ByteBuffer(repeating: byte, count: count) }

    init(_ bytes: some Sequence<UInt8>) { buffer = ByteBuffer(bytes: bytes) }

    var count: Int { buffer.readableBytes }

    func withUnsafeBytes<Result>(_ body: (UnsafeRawBufferPointer) throws -> Result) rethrows -> Result {
        try buffer.withUnsafeReadableBytes(body)
    }

    mutating func withUnsafeMutableBytes<Result>(
        _ body: (UnsafeMutableRawBufferPointer) throws -> Result
    ) rethrows -> Result {
        try buffer.withUnsafeMutableReadableBytes(body)
    }
}

/// Nothing in the schema is nested deeper than this.
private let deepest = 8

private let binaryOptions: BinaryDecodingOptions = {
    var options = BinaryDecodingOptions()
    options.messageDepthLimit = deepest
    options.discardUnknownFields = true
    return options
}()

private let jsonOptions: JSONDecodingOptions = {
    var options = JSONDecodingOptions()
    options.messageDepthLimit = deepest
    options.ignoreUnknownFields = true
    return options
}()

extension ByteBuffer {
    /// Appends `message` after its length.
    package mutating func writeFrame(_ message: some SwiftProtobuf.Message) {
        // Encoding fails only for a required field that is missing, which proto3 has not, or beyond 2 GiB.
        guard let bytes: [UInt8] = try? message.serializedBytes() else {
            assertionFailure("\(type(of: message)) has no binary form")
            return
        }
        writeVarint(UInt64(bytes.count))
        writeBytes(bytes)
    }

    /// Appends `message` as one line of JSON.
    package mutating func writeJSON(_ message: some SwiftProtobuf.Message) {
        // Encoding fails only for a `google.protobuf.Timestamp` outside of the years 1 to 9999, which we don't make.
        guard let bytes: [UInt8] = try? message.jsonUTF8Bytes() else {
            assertionFailure("\(type(of: message)) has no JSON form")
            return
        }
        writeBytes(bytes)
        writeInteger(UInt8(ascii: "\n"))
    }
}
