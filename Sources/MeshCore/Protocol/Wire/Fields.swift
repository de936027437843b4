// SPDX-License-Identifier: Apache-2.0

import NIOCore
import SwiftProtobuf

// The fields of protobuf's wire format (protobuf.dev/programming-guides/encoding), by hand, for the few messages that pass
// by the hundred thousand a second: SwiftProtobuf, which does all others, needs several times as long for them. Tests
// hold the two to the same bytes.

/// A field's first byte, and what a field takes in bytes: nothing where it has proto3's default.
enum Field {
    /// The first byte of a field that has a length.
    static func head(_ number: UInt8) -> UInt8 { number << 3 | 2 }

    /// The first byte of a field that is a varint.
    static func varint(_ number: UInt8) -> UInt8 { number << 3 }

    static let longestVarint = 10

    static func size(_ text: String) -> Int { text.isEmpty ? 0 : size(length: text.utf8.count) }

    static func size(_ value: UInt64) -> Int { value == 0 ? 0 : 1 + sizeOfVarint(value) }

    static func size(_ time: MessageTime?) -> Int { time.map { size(length: $0.sizeOfFields) } ?? 0 }

    static func size(length: Int) -> Int { 1 + sizeOfVarint(UInt64(length)) + length }

    private static func sizeOfVarint(_ value: UInt64) -> Int { (70 - (value | 1).leadingZeroBitCount) / 7 }
}

extension ByteBuffer {
    /// Appends a frame: a length, and so many bytes of fields that `write` writes.
    mutating func writeFrame(size: Int, _ write: (inout FieldWriter) -> Void) {
        writeWithUnsafeMutableBytes(minimumWritableBytes: Field.longestVarint + size) { bytes in
            var writer = FieldWriter(bytes)
            writer.writeVarint(UInt64(size))
            write(&writer)
            return writer.count
        }
    }
}

/// Takes fields from bytes, never beyond their end.
struct FieldReader {
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

    /// Nil for what is no varint, or is not whole.
    mutating func varint() -> UInt64? {
        var value: UInt64 = 0
        for place in 0..<Field.longestVarint {
            // The tenth byte holds bit 63 alone.
            guard let byte = byte(), place < 9 || byte <= 1 else { return nil }
            value |= UInt64(byte & 0x7F) << UInt64(7 * place)
            if byte & 0x80 == 0 { return value }
        }
        return nil
    }

    /// As many bytes as a varint before them says.
    mutating func bytes() -> UnsafeRawBufferPointer? {
        guard let length = varint(), length <= UInt64(all.count - position) else { return nil }
        defer { position += Int(length) }
        return UnsafeRawBufferPointer(rebasing: all[position..<position + Int(length)])
    }

    /// A text, if it is UTF-8.
    mutating func text() -> String? {
        guard let bytes = bytes() else { return nil }
        // In ASCII there is nothing to be wrong, and decoding takes a fraction of what validating takes.
        let isASCII = bytes.reduce(0, |) < 0x80
        return isASCII ? String(decoding: bytes, as: UTF8.self) : String(validating: bytes, as: UTF8.self)
    }

    /// A time, if it is nothing besides.
    mutating func time() -> MessageTime? {
        guard let bytes = bytes() else { return nil }
        var fields = FieldReader(bytes)
        var time = MessageTime()
        while let field = fields.byte() {
            guard let value = fields.varint() else { return nil }
            switch field {
            case Field.varint(1): time.seconds = Int64(bitPattern: value)
            case Field.varint(2): time.nanos = Int32(truncatingIfNeeded: value)
            default: return nil
            }
        }
        return time
    }
}

/// Puts fields into memory, never beyond its end.
struct FieldWriter {
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
        write(Field.varint(field))
        writeVarint(value)
    }

    /// A time, if there is one.
    mutating func write(_ field: UInt8, _ time: MessageTime?) {
        guard let time else { return }
        writeHead(field, length: time.sizeOfFields)
        write(1, UInt64(bitPattern: time.seconds))
        write(2, UInt64(bitPattern: Int64(time.nanos)))
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

extension MessageTime {
    /// What its fields take in bytes.
    fileprivate var sizeOfFields: Int {
        Field.size(UInt64(bitPattern: seconds)) + Field.size(UInt64(bitPattern: Int64(nanos)))
    }
}
