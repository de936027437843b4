// SPDX-License-Identifier: Apache-2.0

import Crypto
import FoundationEssentials

/// What a person compares to know a server again: SHA-256 over the public key of its certificate
/// (SubjectPublicKeyInfo in DER), in base64 without padding, as ssh shows its keys.
package struct KeyFingerprint: Hashable, Sendable, CustomStringConvertible {
    package let description: String

    package init(of subjectPublicKeyInfo: some Sequence<UInt8>) {
        let digest = SHA256.hash(data: Array(subjectPublicKeyInfo))
        description = Self.prefix + Data(digest).base64EncodedString().filter { $0 != "=" }
    }

    /// Parses the text form; nil for anything else.
    package init?(_ text: some StringProtocol) {
        guard text.hasPrefix(Self.prefix), Data(base64Encoded: text.dropFirst(Self.prefix.count) + "=")?.count == 32
        else {
            return nil
        }
        description = String(text)
    }

    private static let prefix = "SHA256:"
}
