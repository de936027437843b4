// SPDX-License-Identifier: Apache-2.0

package import Crypto
import FoundationEssentials

/// A device's self-proving name: a UUID of version 8 (RFC 9562, section 5.8) whose 122 free bits are the first 122 bits
/// of SHA-256 over the device's public key (P-256, SubjectPublicKeyInfo in DER).
///
/// The one owner of the text form: lower-case `8-4-4-4-12` when printed, either case when parsed.
package struct DeviceID: Hashable, Sendable {
    /// Bits 0 to 63: 48 of the digest, the version, 12 of the digest.
    private let high: UInt64
    /// Bits 64 to 127: the variant, 62 of the digest.
    private let low: UInt64

    /// The id of whoever has the private half of `key`.
    package init(of key: P256.Signing.PublicKey) {
        self.init(ofDER: key.derRepresentation)
    }

    /// The id that is made of a key, given in its one form of SubjectPublicKeyInfo in DER.
    init(ofDER key: some DataProtocol) {
        let digest = SHA256.hash(data: key)
        let leading = digest.prefix(16).reduce((0, 0)) { (words: (UInt64, UInt64), byte: UInt8) in
            (words.0 << 8 | words.1 >> 56, words.1 << 8 | UInt64(byte))
        }
        high = (leading.0 & ~0xFFFF) | Self.version | (leading.0 >> 4 & 0x0FFF)
        low = Self.variant | (leading.0 & 0xF) << 58 | leading.1 >> 6
    }

    /// Parses the text form; nil for anything else, and for a UUID of another version or variant.
    package init?(_ text: some StringProtocol) {
        self.init(text: Array(text.utf8))
    }

    private init?(text: [UInt8]) {
        guard text.count == Self.textLength else { return nil }
        var words: (UInt64, UInt64) = (0, 0)
        for position in text.indices {
            let byte = text[position]
            if Self.isHyphen(position) {
                guard byte == UInt8(ascii: "-") else { return nil }
            } else {
                guard let digit = Self.value(ofHexDigit: byte) else { return nil }
                words = (words.0 << 4 | words.1 >> 60, words.1 << 4 | digit)
            }
        }
        guard words.0 & 0xF000 == Self.version, words.1 >> 62 == Self.variant >> 62 else { return nil }
        (high, low) = words
    }

    /// The 16 bytes of a UUID; nil for another number of them, and for a UUID of another version or variant.
    package init?(bytes: some Collection<UInt8>) {
        guard bytes.count == 16 else { return nil }
        let words = (UInt64(bigEndian: bytes.prefix(8)), UInt64(bigEndian: bytes.dropFirst(8)))
        guard words.0 & 0xF000 == Self.version, words.1 >> 62 == Self.variant >> 62 else { return nil }
        (high, low) = words
    }

    /// The 16 bytes of the UUID.
    package var bytes: [UInt8] { high.bigEndianBytes + low.bigEndianBytes }

    /// Enough of the id for a person to tell devices apart: its first eight digits.
    package var short: String { String(description.prefix(8)) }

    private static let version: UInt64 = 0x8000
    private static let variant: UInt64 = 0b10 << 62
    private static let textLength = 36

    private static func isHyphen(_ position: Int) -> Bool {
        position == 8 || position == 13 || position == 18 || position == 23
    }

    private static func value(ofHexDigit byte: UInt8) -> UInt64? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt64(byte - UInt8(ascii: "0"))
        case UInt8(ascii: "a")...UInt8(ascii: "f"): UInt64(byte - UInt8(ascii: "a") + 10)
        case UInt8(ascii: "A")...UInt8(ascii: "F"): UInt64(byte - UInt8(ascii: "A") + 10)
        default: nil
        }
    }
}

extension DeviceID: CustomStringConvertible {
    package var description: String {
        var text: [UInt8] = []
        text.reserveCapacity(Self.textLength)
        for position in 0..<32 {
            if Self.isHyphen(text.count) { text.append(UInt8(ascii: "-")) }
            let digit = UInt8((position < 16 ? high : low) >> UInt64(60 - 4 * (position % 16)) & 0xF)
            text.append(digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") + digit - 10)
        }
        return String(decoding: text, as: UTF8.self)
    }
}

/// By value, as the text form sorts: the order in which two devices decide whose connection stays.
extension DeviceID: Comparable {
    package static func < (left: DeviceID, right: DeviceID) -> Bool {
        (left.high, left.low) < (right.high, right.low)
    }
}
