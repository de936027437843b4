// SPDX-License-Identifier: Apache-2.0

/// The target of a request, `/devices/a%20b?limit=2`, taken apart and decoded.
package struct RequestTarget: Equatable, Sendable {
    /// The pieces of the path, each decoded after the path was split: a `%2F` is no slash.
    package let path: [String]
    /// By name; of several with one name the first counts.
    package let query: [String: String]

    /// Nil where the encoding is broken.
    package init?(_ target: String) {
        // Bytes, not characters: what follows a slash must not make it another character.
        let slash = UInt8(ascii: "/")
        let pieces = target.utf8.split(separator: UInt8(ascii: "?"), maxSplits: 1, omittingEmptySubsequences: false)
        guard let first = pieces.first, first.first == slash else { return nil }
        var path: [String] = []
        for segment in first.dropFirst().split(separator: slash, omittingEmptySubsequences: false) {
            guard let decoded = Substring(segment).percentDecoded else { return nil }
            path.append(decoded)
        }
        var query: [String: String] = [:]
        for pair in pieces.count > 1 ? Substring(pieces[1]).split(separator: "&") : [] {
            let sides = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            let decoded = sides.compactMap { $0.replacing("+", with: " ").percentDecoded }
            guard decoded.count == sides.count, let name = decoded.first else { return nil }
            if query[name] == nil { query[name] = decoded.count > 1 ? decoded[1] : "" }
        }
        self.path = path
        self.query = query
    }
}

extension StringProtocol {
    /// The text that this one encodes; nil where it encodes none, or none that is UTF-8.
    fileprivate var percentDecoded: String? {
        guard utf8.contains(UInt8(ascii: "%")) else { return String(self) }
        var bytes: [UInt8] = []
        var rest = utf8[...]
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "%") else {
                bytes.append(byte)
                continue
            }
            let digits = rest.prefix(2).compactMap { Character(Unicode.Scalar($0)).hexDigitValue }
            guard digits.count == 2 else { return nil }
            bytes.append(UInt8(digits[0] << 4 | digits[1]))
            rest = rest.dropFirst(2)
        }
        return String(validating: bytes, as: UTF8.self)
    }
}

extension String {
    /// This text as a value in a query.
    package var queryEncoded: String {
        utf8.map { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
                UInt8(ascii: "~"):
                String(Unicode.Scalar(byte))
            default:
                (byte < 0x10 ? "%0" : "%") + String(byte, radix: 16, uppercase: true)
            }
        }.joined()
    }
}
