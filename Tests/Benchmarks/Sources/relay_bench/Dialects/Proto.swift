// SPDX-License-Identifier: Apache-2.0

import Bench

/// As much of protobuf's encoding as the load needs.
enum Proto {
    static func field(_ number: Int, _ bytes: [UInt8]) -> [UInt8] {
        .varint(number << 3 | 2) + .varint(bytes.count) + bytes
    }

    static func field(_ number: Int, _ text: String) -> [UInt8] {
        field(number, [UInt8](text))
    }

    /// A message behind its length.
    static func frame(_ message: [UInt8]) -> [UInt8] {
        .varint(message.count) + message
    }

    /// The message in the frame at the beginning of `bytes`; nil if it is not whole.
    static func message(in bytes: [UInt8]) -> [UInt8]? {
        bytes.withUnsafeBytes { bytes in
            guard let start = bytes.baseAddress, let size = start.varint(at: 0, within: bytes.count),
                size.end + size.value <= bytes.count
            else { return nil }
            return Array(bytes[size.end..<size.end + size.value])
        }
    }

    /// The texts, bytes and messages in a message, in order, each with the number of its field.
    static func fields(of message: [UInt8]) throws -> [(number: Int, bytes: [UInt8])] {
        try message.withUnsafeBytes { bytes in
            var fields: [(number: Int, bytes: [UInt8])] = []
            guard let start = bytes.baseAddress else { return fields }
            var position = 0
            while position < bytes.count {
                guard let tag = start.varint(at: position, within: bytes.count) else { throw malformed }
                switch tag.value & 7 {
                case 0:
                    guard let value = start.varint(at: tag.end, within: bytes.count) else { throw malformed }
                    position = value.end
                case 1: position = tag.end + 8
                case 2:
                    guard let size = start.varint(at: tag.end, within: bytes.count),
                        size.end + size.value <= bytes.count
                    else { throw malformed }
                    position = size.end + size.value
                    fields.append((tag.value >> 3, Array(bytes[size.end..<position])))
                default: throw malformed
                }
            }
            return fields
        }
    }

    private static let malformed = Failure("no protobuf message")
}
