// SPDX-License-Identifier: Apache-2.0

/// A JSON text as a value (RFC 8259), read strictly: an object's keys differ, and depth has a bound.
package enum JSON: Equatable, Sendable {
    case null
    case bool(Bool)
    /// As it was written: whoever wants a number says which kind.
    case number(String)
    case string(String)
    case array([JSON])
    case object([String: JSON])

    /// Reads a whole text.
    ///
    /// Total: any bytes are a value or a fault.
    package init(parsing bytes: some Collection<UInt8>) throws(JSONFault) {
        let bytes = Array(bytes)
        guard String(validating: bytes, as: UTF8.self) != nil else { throw .notUTF8 }
        self = try JSONParser.parse(bytes)
    }

    package static func number(_ integer: Int) -> JSON { .number("\(integer)") }

    /// The number, if it is a whole one that is written as such: `8e3` is not.
    package var integer: Int? {
        guard case .number(let text) = self else { return nil }
        return Int(text)
    }

    package var string: String? {
        guard case .string(let text) = self else { return nil }
        return text
    }
}

/// What makes bytes no JSON text that is read here.
package enum JSONFault: Error, Equatable, Sendable, CustomStringConvertible {
    case notUTF8
    /// The text breaks off or goes wrong; the count of bytes before that.
    case malformed(offset: Int)
    case tooDeep(limit: Int)
    case duplicateKey(String)

    package var description: String {
        switch self {
        case .notUTF8: "it is not UTF-8"
        case .malformed(let offset): "it is no JSON from byte \(offset) on"
        case .tooDeep(let limit): "it is nested more than \(limit) deep"
        case .duplicateKey(let key): "it has the key '\(key.printable)' twice"
        }
    }
}

/// The text, compact, with the keys in order, so that equal values are equal texts.
extension JSON: CustomStringConvertible {
    package var description: String {
        var text = ""
        write(to: &text)
        return text
    }

    private func write(to text: inout String) {
        switch self {
        case .null: text += "null"
        case .bool(let value): text += value ? "true" : "false"
        case .number(let digits): text += digits
        case .string(let value): Self.write(value, to: &text)
        case .array(let values):
            text += "["
            for (position, value) in values.enumerated() {
                if position > 0 { text += "," }
                value.write(to: &text)
            }
            text += "]"
        case .object(let members):
            text += "{"
            for (position, member) in members.sorted(by: { Self.precedes($0.key, $1.key) }).enumerated() {
                if position > 0 { text += "," }
                Self.write(member.key, to: &text)
                text += ":"
                member.value.write(to: &text)
            }
            text += "}"
        }
    }

    /// By their bytes: `<` finds neither of `"\u{E9}A"` and `"e\u{301}"` less than the other.
    private static func precedes(_ left: String, _ right: String) -> Bool {
        left.utf8.lexicographicallyPrecedes(right.utf8)
    }

    private static func write(_ value: String, to text: inout String) {
        text += "\""
        for scalar in value.unicodeScalars {
            switch scalar {
            case "\"": text += "\\\""
            case "\\": text += "\\\\"
            case "\n": text += "\\n"
            case "\0"..."\u{1F}", "\u{7F}":
                let digits = String(scalar.value, radix: 16)
                text += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: text.unicodeScalars.append(scalar)
            }
        }
        text += "\""
    }
}
