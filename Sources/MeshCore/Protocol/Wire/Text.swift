// SPDX-License-Identifier: Apache-2.0

/// Why a text is not one that people may send each other.
package enum TextFault: Error, Equatable, Sendable {
    case empty
    case tooLong(limit: Int)
    case controlCharacter
}

extension TextFault: CustomStringConvertible {
    package var description: String {
        switch self {
        case .empty: "it is empty"
        case .tooLong(let limit): "it is longer than \(limit) bytes"
        case .controlCharacter: "it has control characters other than tab and newline"
        }
    }
}

extension String {
    /// Checks a text from outside, once, on the way in: not empty, at most `limit` bytes of UTF-8, and of the control
    /// characters (C0, DEL, C1) only tab and newline.
    package func checkText(limit: Int) throws(TextFault) {
        let bytes = utf8
        guard !bytes.isEmpty else { throw .empty }
        guard bytes.count <= limit else { throw .tooLong(limit: limit) }
        if isPrintableASCII { return }
        // In UTF-8 the C1 characters are C2 80 to C2 9F.
        var previous: UInt8 = 0
        for byte in bytes {
            let isC0 = byte < 0x20 && byte != UInt8(ascii: "\t") && byte != UInt8(ascii: "\n")
            let isC1 = previous == 0xC2 && byte < 0xA0
            guard !isC0, !isC1, byte != 0x7F else { throw .controlCharacter }
            previous = byte
        }
    }

    /// Whether all of it is from the space to the tilde; of long texts that is seen quickly.
    package var isPrintableASCII: Bool { utf8.withContiguousStorageIfAvailable(\.isPrintableASCII) ?? false }

    /// This text for a terminal or a log: what could steer one (C0, DEL, C1, the bidirectional controls, line and
    /// paragraph separators) is shown as `\u{…}`.
    package var printable: String { shown(keepingTabs: false) }

    /// The same with its tabs kept, for a line of a text.
    package var printableLine: String { shown(keepingTabs: true) }

    private func shown(keepingTabs: Bool) -> String {
        guard !isPrintableASCII, unicodeScalars.contains(where: \.steersTerminals) else { return self }
        return unicodeScalars.reduce(into: "") { text, scalar in
            if scalar.steersTerminals, !(keepingTabs && scalar == "\t") {
                text += "\\u{\(String(scalar.value, radix: 16, uppercase: true))}"
            } else {
                text.unicodeScalars.append(scalar)
            }
        }
    }
}

extension UnsafeBufferPointer<UInt8> {
    /// Whether all bytes are from the space to the tilde; looks at many at a time.
    fileprivate var isPrintableASCII: Bool {
        var others: UInt8 = 0
        for byte in self { others |= byte &- 0x20 > 0x5E ? 1 : 0 }
        return others == 0
    }
}

extension Unicode.Scalar {
    fileprivate var steersTerminals: Bool {
        switch value {
        case 0x00...0x1F, 0x7F...0x9F: true
        // Marks, embeddings, overrides and isolates (UAX #9), and the two separators.
        case 0x061C, 0x200E, 0x200F, 0x2028...0x202E, 0x2066...0x2069: true
        default: false
        }
    }
}
