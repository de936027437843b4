// SPDX-License-Identifier: Apache-2.0

/// A JSON text as a value (RFC 8259), for bodies whose fields are to be checked one by one: which of them is at fault is
/// told to the sender.
package enum JSON: Equatable, Sendable {
    case null
    case bool(Bool)
    case integer(Int)
    case number(Double)
    case string(String)
    case array([JSON])
    case object([String: JSON])

    /// Reads a whole text.
    ///
    /// Total: any bytes are a value or a fault.
    package init(parsing bytes: some Collection<UInt8>) throws(JSONFault) {
        var parser = JSONParser(bytes)
        self = try parser.whole()
    }

    package var integer: Int? {
        if case .integer(let value) = self { value } else { nil }
    }

    package var string: String? {
        if case .string(let text) = self { text } else { nil }
    }
}

/// What makes bytes no JSON text that is read here.
package enum JSONFault: Error, Equatable, Sendable, CustomStringConvertible {
    case malformed
    case tooDeep(limit: Int)
    /// An object has a member twice: which of them counts is told differently by different programs.
    case duplicate

    package var description: String {
        switch self {
        case .malformed: "it is no JSON in UTF-8"
        case .tooDeep(let limit): "it is nested more than \(limit) deep"
        case .duplicate: "it has a member twice"
        }
    }
}

/// The text, compact, with the keys in order, so that equal values are equal texts.
extension JSON: CustomStringConvertible {
    package var description: String {
        var bytes: [UInt8] = []
        write(to: &bytes)
        return String(decoding: bytes, as: UTF8.self)
    }

    /// Adds the text's bytes.
    package func write(to bytes: inout [UInt8]) {
        switch self {
        case .null: bytes += "null".utf8
        case .bool(let value): bytes += (value ? "true" : "false").utf8
        case .integer(let value): bytes += "\(value)".utf8
        // What no text says is not said.
        case .number(let value): bytes += (value.isFinite ? "\(value)" : "null").utf8
        case .string(let text): Self.write(text, to: &bytes)
        case .array(let elements): Self.write(elements, to: &bytes)
        case .object(let members): Self.write(members, to: &bytes)
        }
    }

    private static func write(_ elements: [JSON], to bytes: inout [UInt8]) {
        bytes.append(UInt8(ascii: "["))
        for (position, element) in elements.enumerated() {
            if position > 0 { bytes.append(UInt8(ascii: ",")) }
            element.write(to: &bytes)
        }
        bytes.append(UInt8(ascii: "]"))
    }

    private static func write(_ members: [String: JSON], to bytes: inout [UInt8]) {
        bytes.append(UInt8(ascii: "{"))
        // By their bytes: Swift's own order takes texts for equal that are spelled differently.
        let sorted = members.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
        for (position, member) in sorted.enumerated() {
            if position > 0 { bytes.append(UInt8(ascii: ",")) }
            write(member.key, to: &bytes)
            bytes.append(UInt8(ascii: ":"))
            member.value.write(to: &bytes)
        }
        bytes.append(UInt8(ascii: "}"))
    }

    private static func write(_ text: String, to bytes: inout [UInt8]) {
        bytes.append(UInt8(ascii: "\""))
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"):
                bytes.append(UInt8(ascii: "\\"))
                bytes.append(byte)
            case 0..<0x20: bytes += escape(byte).utf8
            default: bytes.append(byte)
            }
        }
        bytes.append(UInt8(ascii: "\""))
    }

    private static func escape(_ control: UInt8) -> String {
        switch control {
        case 0x08: "\\b"
        case 0x09: "\\t"
        case 0x0A: "\\n"
        case 0x0C: "\\f"
        case 0x0D: "\\r"
        default: "\\u00" + (control < 0x10 ? "0" : "") + String(control, radix: 16)
        }
    }
}
