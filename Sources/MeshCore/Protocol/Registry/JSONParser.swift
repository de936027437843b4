// SPDX-License-Identifier: Apache-2.0

/// Reads one JSON text from bytes that are known to be UTF-8.
struct JSONParser {
    private static let deepest = 16

    private let length: Int
    private var rest: ArraySlice<UInt8>

    static func parse(_ bytes: [UInt8]) throws(JSONFault) -> JSON {
        var parser = JSONParser(length: bytes.count, rest: bytes[...])
        let value = try parser.value(depth: 0)
        parser.skipSpace()
        guard parser.rest.isEmpty else { throw parser.malformed }
        return value
    }

    private var malformed: JSONFault { .malformed(offset: length - rest.count) }

    private mutating func value(depth: Int) throws(JSONFault) -> JSON {
        guard depth <= Self.deepest else { throw .tooDeep(limit: Self.deepest) }
        skipSpace()
        switch rest.first {
        case UInt8(ascii: "{"): return .object(try members(depth: depth))
        case UInt8(ascii: "["): return .array(try elements(depth: depth))
        case UInt8(ascii: "\""): return .string(try text())
        case UInt8(ascii: "t"): return try word("true", means: .bool(true))
        case UInt8(ascii: "f"): return try word("false", means: .bool(false))
        case UInt8(ascii: "n"): return try word("null", means: .null)
        default: return .number(try number())
        }
    }

    private mutating func members(depth: Int) throws(JSONFault) -> [String: JSON] {
        var members: [String: JSON] = [:]
        rest.removeFirst()
        skipSpace()
        if take("}") { return members }
        repeat {
            skipSpace()
            let key = try text()
            skipSpace()
            guard take(":") else { throw malformed }
            let value = try value(depth: depth + 1)
            guard members.updateValue(value, forKey: key) == nil else { throw .duplicateKey(key) }
            skipSpace()
        } while take(",")
        guard take("}") else { throw malformed }
        return members
    }

    private mutating func elements(depth: Int) throws(JSONFault) -> [JSON] {
        var elements: [JSON] = []
        rest.removeFirst()
        skipSpace()
        if take("]") { return elements }
        repeat {
            elements.append(try value(depth: depth + 1))
            skipSpace()
        } while take(",")
        guard take("]") else { throw malformed }
        return elements
    }

    private mutating func word(_ word: String, means value: JSON) throws(JSONFault) -> JSON {
        guard rest.starts(with: word.utf8) else { throw malformed }
        rest = rest.dropFirst(word.utf8.count)
        return value
    }

    /// `-`, then digits without a leading zero, then perhaps a fraction, then perhaps an exponent.
    private mutating func number() throws(JSONFault) -> String {
        let start = rest
        _ = take("-")
        if !take("0") { try digits() }
        if take(".") { try digits() }
        if take("e") || take("E") {
            _ = take("+") || take("-")
            try digits()
        }
        return String(decoding: start.prefix(start.count - rest.count), as: UTF8.self)
    }

    private mutating func digits() throws(JSONFault) {
        let digits = rest.prefix { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
        guard !digits.isEmpty else { throw malformed }
        rest = rest.dropFirst(digits.count)
    }

    private mutating func text() throws(JSONFault) -> String {
        guard take("\"") else { throw malformed }
        var text: [UInt8] = []
        while let byte = rest.first {
            switch byte {
            case UInt8(ascii: "\""):
                rest.removeFirst()
                return String(decoding: text, as: UTF8.self)
            case UInt8(ascii: "\\"):
                text += Array(String(Character(try escaped())).utf8)
            case 0x00...0x1F:
                throw malformed
            default:
                text.append(byte)
                rest.removeFirst()
            }
        }
        throw malformed
    }

    private mutating func escaped() throws(JSONFault) -> Unicode.Scalar {
        rest.removeFirst()
        guard let letter = rest.popFirst() else { throw malformed }
        switch letter {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): return Unicode.Scalar(letter)
        case UInt8(ascii: "b"): return "\u{8}"
        case UInt8(ascii: "f"): return "\u{C}"
        case UInt8(ascii: "n"): return "\n"
        case UInt8(ascii: "r"): return "\r"
        case UInt8(ascii: "t"): return "\t"
        case UInt8(ascii: "u"): return try unicodeEscape()
        default: throw malformed
        }
    }

    /// What follows `\u`: four digits, and for what UTF-16 needs two units for, `\u` and four more.
    private mutating func unicodeEscape() throws(JSONFault) -> Unicode.Scalar {
        let first = try hexUnit()
        if let scalar = Unicode.Scalar(first) { return scalar }
        guard (0xD800...0xDBFF).contains(first), take("\\"), take("u") else { throw malformed }
        let second = try hexUnit()
        guard (0xDC00...0xDFFF).contains(second),
            let scalar = Unicode.Scalar(0x10000 + (first - 0xD800) << 10 + (second - 0xDC00))
        else { throw malformed }
        return scalar
    }

    private mutating func hexUnit() throws(JSONFault) -> UInt32 {
        var unit: UInt32 = 0
        for _ in 0..<4 {
            guard let byte = rest.first, let digit = Character(Unicode.Scalar(byte)).hexDigitValue else {
                throw malformed
            }
            unit = unit << 4 | UInt32(digit)
            rest.removeFirst()
        }
        return unit
    }

    private mutating func take(_ character: Unicode.Scalar) -> Bool {
        guard rest.first == UInt8(ascii: character) else { return false }
        rest.removeFirst()
        return true
    }

    private mutating func skipSpace() {
        rest = rest.drop { $0 == 0x20 || $0 == 0x09 || $0 == 0x0A || $0 == 0x0D }
    }
}
