// SPDX-License-Identifier: Apache-2.0

import NIOCore
import SwiftProtobuf

// The three messages that a relay reads and writes by the hundred thousand a second, in protobuf's wire format by hand
// (protobuf.dev/programming-guides/encoding): SwiftProtobuf, which does all others, needs several times as long for
// them. Tests hold the two to the same bytes.

extension ByteBuffer {
    /// Takes a frame with a request to publish a text out of the buffer, if that is what comes first, and plainly.
    ///
    /// Nil for whatever else comes, be it less than a frame, unusual or wrong: that is for SwiftProtobuf to say.
    mutating func readPublishFrame(limit: Int) -> WirePublish? {
        let found = withUnsafeReadableBytes { bytes -> (publish: WirePublish, size: Int)? in
            var rest = FieldReader(bytes)
            guard let length = rest.length(), length <= limit, let frame = rest.bytes(length) else { return nil }
            var outer = FieldReader(frame)
            guard outer.byte() == Field.head(2), let length = outer.length(), let fields = outer.bytes(length),
                outer.isAtEnd, let publish = WirePublish(plain: fields)
            else { return nil }
            return (publish, rest.position)
        }
        guard let found else { return nil }
        moveReaderIndex(forwardBy: found.size)
        return found.publish
    }

    /// Appends an event after its length.
    mutating func writeFrame(_ event: RelayEvent) {
        switch event {
        case .message(let message): writeFrame(message)
        case .accepted(let accepted): writeFrame(accepted)
        case .welcome, .refused, .gap, .error, .pong, .bye, .joined, .left, .people, .page, .presence:
            writeFrame(WireRelayEvent.with { $0.event = event })
        }
    }

    private mutating func writeFrame(_ message: WireMessage) {
        let seconds = UInt64(bitPattern: message.time.seconds)
        let nanoseconds = UInt64(bitPattern: Int64(message.time.nanos))
        let time = Field.size(seconds) + Field.size(nanoseconds)
        var size = Field.size(message.room) + Field.size(message.sequence) + Field.size(message.sender)
        if message.hasTime { size += Field.size(length: time) }
        switch message.body {
        case .text(let text): size += Field.size(length: text.utf8.count)
        case .data(let data): size += Field.size(length: data.count)
        case nil: break
        }
        writeFrame(3, length: size) { fields in
            fields.write(1, message.room)
            fields.write(2, message.sequence)
            fields.write(3, message.sender)
            if message.hasTime {
                fields.writeHead(4, length: time)
                fields.write(1, seconds)
                fields.write(2, nanoseconds)
            }
            switch message.body {
            case .text(let text): fields.write(5, bytes: text.utf8)
            case .data(let data): fields.write(6, bytes: data)
            case nil: break
            }
        }
    }

    private mutating func writeFrame(_ accepted: WireAccepted) {
        let level = UInt64(bitPattern: Int64(accepted.level.rawValue))
        let size =
            Field.size(accepted.clientMessageID) + Field.size(accepted.room) + Field.size(accepted.sequence)
            + Field.size(level)
        writeFrame(4, length: size) { fields in
            fields.write(1, accepted.clientMessageID)
            fields.write(2, accepted.room)
            fields.write(3, accepted.sequence)
            fields.write(4, level)
        }
    }

    /// Appends a frame of one field, whose `length` bytes `write` writes.
    private mutating func writeFrame(_ field: UInt8, length: Int, _ write: (inout FieldWriter) -> Void) {
        let size = Field.size(length: length)
        writeWithUnsafeMutableBytes(minimumWritableBytes: size + Field.longestVarint) { bytes in
            var writer = FieldWriter(bytes)
            writer.writeVarint(UInt64(size))
            writer.writeHead(field, length: length)
            write(&writer)
            return writer.count
        }
    }
}

extension WirePublish {
    /// Nil if there is more to the fields than texts that are UTF-8.
    fileprivate init?(plain fields: UnsafeRawBufferPointer) {
        self.init()
        var fields = FieldReader(fields)
        while !fields.isAtEnd {
            guard let field = fields.byte(), let length = fields.length(), let bytes = fields.bytes(length),
                let text = String(validating: bytes, as: UTF8.self)
            else { return nil }
            switch field {
            case Field.head(1): clientMessageID = text
            case Field.head(2): room = text
            case Field.head(3): body = .text(text)
            default: return nil
            }
        }
    }
}

/// A field's first byte, and what a field takes in bytes: nothing where it has proto3's default.
private enum Field {
    /// The first byte of a field that has a length.
    static func head(_ number: UInt8) -> UInt8 { number << 3 | 2 }

    static let longestVarint = 10

    static func size(_ text: String) -> Int { text.isEmpty ? 0 : size(length: text.utf8.count) }

    static func size(_ value: UInt64) -> Int { value == 0 ? 0 : 1 + varint(value) }

    static func size(length: Int) -> Int { 1 + varint(UInt64(length)) + length }

    private static func varint(_ value: UInt64) -> Int { (70 - (value | 1).leadingZeroBitCount) / 7 }
}

/// Takes fields from bytes, never beyond their end.
private struct FieldReader {
    private let all: UnsafeRawBufferPointer
    private(set) var position = 0

    init(_ bytes: UnsafeRawBufferPointer) {
        all = bytes
    }

    var isAtEnd: Bool { position == all.count }

    mutating func byte() -> UInt8? {
        guard position < all.count else { return nil }
        defer { position += 1 }
        return all[position]
    }

    /// A length of at most 28 bits, as a varint.
    mutating func length() -> Int? {
        var length = 0
        for shift in stride(from: 0, to: 28, by: 7) {
            guard let byte = byte() else { return nil }
            length |= Int(byte & 0x7F) << shift
            if byte & 0x80 == 0 { return length }
        }
        return nil
    }

    mutating func bytes(_ count: Int) -> UnsafeRawBufferPointer? {
        guard count <= all.count - position else { return nil }
        defer { position += count }
        return UnsafeRawBufferPointer(rebasing: all[position..<position + count])
    }
}

/// Puts fields into memory, never beyond its end.
private struct FieldWriter {
    private let all: UnsafeMutableRawBufferPointer
    private(set) var count = 0

    init(_ bytes: UnsafeMutableRawBufferPointer) {
        all = bytes
    }

    /// A text, unless it is empty.
    mutating func write(_ field: UInt8, _ text: String) {
        if !text.isEmpty { write(field, bytes: text.utf8) }
    }

    /// A number, unless it is 0.
    mutating func write(_ field: UInt8, _ value: UInt64) {
        if value == 0 { return }
        write(field << 3)
        writeVarint(value)
    }

    mutating func write(_ field: UInt8, bytes: some Collection<UInt8>) {
        let length = bytes.count
        writeHead(field, length: length)
        precondition(length <= all.count - count)
        let place = UnsafeMutableRawBufferPointer(rebasing: all[count..<count + length])
        place.copyBytes(from: bytes)
        count += length
    }

    mutating func writeHead(_ field: UInt8, length: Int) {
        write(Field.head(field))
        writeVarint(UInt64(length))
    }

    mutating func writeVarint(_ value: UInt64) {
        var rest = value
        while rest >= 0x80 {
            write(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        write(UInt8(truncatingIfNeeded: rest))
    }

    private mutating func write(_ byte: UInt8) {
        precondition(count < all.count)
        all[count] = byte
        count += 1
    }
}
