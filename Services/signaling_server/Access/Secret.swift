// SPDX-License-Identifier: Apache-2.0

import Crypto
import FoundationEssentials

/// A secret that is shown once, and kept as a hash alone.
///
/// 256 random bits: nobody finds them by trying, so a plain hash is enough.
package struct Secret: Sendable {
    /// What it is for, which its first letters say.
    package enum Purpose: String, Sendable {
        case enrollment = "mesh-enroll-"
        case token = "mesh-token-"
    }

    /// Made with the system's generator.
    package static func new(for purpose: Purpose) -> Secret {
        let bits = SymmetricKey(size: .bits256).withUnsafeBytes { Data($0) }
        return Secret(text: purpose.rawValue + bits.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined())
    }

    package let text: String

    package init(text: String) {
        self.text = text
    }

    var hash: SecretHash { SecretHash(of: text) }
}

/// What is kept of a secret.
package struct SecretHash: Hashable, Sendable, CustomStringConvertible {
    /// 64 hexadecimal digits.
    package let description: String

    init(of secret: String) {
        description = SHA256.hash(data: Data(secret.utf8)).map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }

    /// Nil for what is no hash.
    init?(_ text: String) {
        guard text.utf8.count == 64, text.utf8.allSatisfy({ Character(Unicode.Scalar($0)).isHexDigit }) else {
            return nil
        }
        description = text
    }

    /// By what an operator calls the secret: enough to tell a few thousand apart.
    package var short: String { String(description.prefix(8)) }
}
