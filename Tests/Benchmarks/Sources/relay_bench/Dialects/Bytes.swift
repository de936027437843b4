// SPDX-License-Identifier: Apache-2.0

import Glibc

extension UnsafeRawPointer {
    /// The byte at `offset`.
    @inline(__always)
    subscript(offset: Int) -> UInt8 { load(fromByteOffset: offset, as: UInt8.self) }

    /// The length of the line that begins here, with its end; nil if it is not whole.
    @inline(__always)
    func lineLength(within count: Int) -> Int? {
        memchr(self, 10, count).map { UnsafeRawPointer($0) - self + 1 }
    }

    /// The decimal number at `offset`, up to the first byte that is no digit, which must be within `count`.
    @inline(__always)
    func decimal(at offset: Int, within count: Int) -> (value: Int, end: Int)? {
        var (value, end) = (0, offset)
        while end < count {
            let digit = Int(self[end]) - 48
            guard 0...9 ~= digit else { return (value, end) }
            value = value * 10 + digit
            end += 1
        }
        return nil
    }

    /// The varint at `offset`, as protobuf and MQTT have it; nil if it is not whole.
    @inline(__always)
    func varint(at offset: Int, within count: Int) -> (value: Int, end: Int)? {
        var (value, shift, end) = (0, 0, offset)
        while end < count, shift < 35 {
            let byte = self[end]
            value |= Int(byte & 0x7f) << shift
            end += 1
            if byte < 0x80 { return (value, end) }
            shift += 7
        }
        return nil
    }
}

extension [UInt8] {
    init(_ text: String) {
        self = Array(text.utf8)
    }

    var text: String { String(decoding: self, as: UTF8.self) }

    static func varint(_ value: Int) -> [UInt8] {
        value < 0x80 ? [UInt8(value)] : [UInt8(value & 0x7f) | 0x80] + varint(value >> 7)
    }
}
