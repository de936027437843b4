// SPDX-License-Identifier: Apache-2.0

/// Takes the comments and the contents of strings out of Swift text.
///
/// Line breaks stay, so that lines keep their numbers; so does code that is interpolated into a string. A regular
/// expression with a quote in it would be taken for a string up to the end of its line.
struct CodeScanner {
    private let bytes: [UInt8]
    private var position = 0
    private var code: [UInt8] = []

    static func code(of text: String) -> String {
        var scanner = CodeScanner(bytes: Array(text.utf8))
        scanner.scanCode(isInterpolated: false)
        return String(decoding: scanner.code, as: UTF8.self)
    }

    private init(bytes: [UInt8]) {
        self.bytes = bytes
    }

    /// Up to the end, or to the parenthesis that closes an interpolation.
    private mutating func scanCode(isInterpolated: Bool) {
        var depth = 0
        while position < bytes.count {
            if starts(with: "//") {
                while position < bytes.count, bytes[position] != UInt8(ascii: "\n") { position += 1 }
            } else if starts(with: "/*") {
                skipBlockComment()
            } else if let hashes = hashesBeforeQuote {
                skipString(hashes: hashes)
            } else {
                if starts(with: "(") { depth += 1 }
                if starts(with: ")") {
                    if isInterpolated, depth == 0 { return }
                    depth -= 1
                }
                code.append(bytes[position])
                position += 1
            }
        }
    }

    /// Block comments nest.
    private mutating func skipBlockComment() {
        var depth = 0
        repeat {
            if starts(with: "/*") {
                depth += 1
                position += 2
            } else if starts(with: "*/") {
                depth -= 1
                position += 2
            } else {
                skipByte()
            }
        } while depth > 0 && position < bytes.count
    }

    /// How many `#` stand here before the quote of a string; nil where no string begins.
    private var hashesBeforeQuote: Int? {
        let hashes = bytes[position...].prefix { $0 == UInt8(ascii: "#") }.count
        let quote = position + hashes
        return quote < bytes.count && bytes[quote] == UInt8(ascii: "\"") ? hashes : nil
    }

    private mutating func skipString(hashes: Int) {
        position += hashes
        let quotes = starts(with: "\"\"\"") ? "\"\"\"" : "\""
        let end = quotes + String(repeating: "#", count: hashes)
        let escape = "\\" + String(repeating: "#", count: hashes)
        position += quotes.utf8.count
        code += Array("\"\"".utf8)
        while position < bytes.count, !starts(with: end) {
            if starts(with: escape) {
                position += escape.utf8.count
                if starts(with: "(") {
                    position += 1
                    scanCode(isInterpolated: true)
                    // Keeps apart what two interpolations hold.
                    code.append(UInt8(ascii: " "))
                }
                skipByte()
            } else if quotes.utf8.count == 1, starts(with: "\n") {
                return
            } else {
                skipByte()
            }
        }
        position = min(position + end.utf8.count, bytes.count)
    }

    /// Leaves a byte out, unless it ends a line.
    private mutating func skipByte() {
        guard position < bytes.count else { return }
        if bytes[position] == UInt8(ascii: "\n") { code.append(bytes[position]) }
        position += 1
    }

    private func starts(with text: String) -> Bool { bytes[position...].starts(with: text.utf8) }
}
