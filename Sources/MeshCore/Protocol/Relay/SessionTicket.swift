// SPDX-License-Identifier: Apache-2.0

package import Crypto
import FoundationEssentials

/// What lets a session in again without its password: who it is of, and until when.
///
/// On the wire it is `base64url(fields).base64url(HMAC-SHA-256 over them)` (RFC 4648, section 5; RFC 2104). The fields,
/// each ended by a line feed, are the account, the session, the second of the Unix era at which it expires, and the seal
/// of the account's password: with another password the ticket is worth nothing.
package struct SessionTicket: Equatable, Sendable {
    package let account: AccountName
    package let session: String
    /// In seconds of the Unix era.
    package let expires: Int64
    /// Stands for the password's hash, and tells nothing of it.
    package let seal: String

    package init(account: AccountName, session: String, expires: Int64, seal: String) {
        self.account = account
        self.session = session
        self.expires = expires
        self.seal = seal
    }

    /// Reads a ticket that was made with `key`; nil for any other text.
    package init?(_ text: String, key: SymmetricKey) {
        guard text.utf8.count <= Self.maximumBytes else { return nil }
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 2, let fields = Data(base64URL: parts[0]), let code = Data(base64URL: parts[1]),
            HMAC<SHA256>.isValidAuthenticationCode(code, authenticating: fields, using: key)
        else { return nil }
        let lines = String(decoding: fields, as: UTF8.self).split(separator: "\n", omittingEmptySubsequences: false)
        guard lines.count == 5, let account = AccountName(lines[0]), let expires = Int64(lines[2]) else { return nil }
        self.init(account: account, session: String(lines[1]), expires: expires, seal: String(lines[3]))
    }

    /// The ticket as its owner gets it.
    ///
    /// Nil for a session whose name holds a line feed.
    package func issued(with key: SymmetricKey) -> IssuedTicket? {
        if session.utf8.contains(UInt8(ascii: "\n")) { return nil }
        let fields = Data("\(account)\n\(session)\n\(expires)\n\(seal)\n".utf8)
        let code = Data(HMAC<SHA256>.authenticationCode(for: fields, using: key))
        return IssuedTicket(text: "\(fields.base64URL).\(code.base64URL)", expires: expires)
    }

    /// Whether the ticket still holds at `now`, for a password with this seal.
    package func isValid(at now: Int64, seal: String) -> Bool {
        now < expires && seal == self.seal
    }

    /// The seal of a password hash, known to who has `key` only.
    package static func seal(of hash: String, key: SymmetricKey) -> String {
        let code = HMAC<SHA256>.authenticationCode(for: Data("seal\n\(hash)".utf8), using: key)
        return Data(code.prefix(12)).base64URL
    }

    private static let maximumBytes = 1_024
}

/// A ticket as it is sent, and until when it holds, in seconds of the Unix era.
package struct IssuedTicket: Equatable, Sendable {
    package let text: String
    package let expires: Int64

    package init(text: String, expires: Int64) {
        self.text = text
        self.expires = expires
    }
}

extension Data {
    fileprivate var base64URL: String {
        base64EncodedString().replacing("+", with: "-").replacing("/", with: "_").replacing("=", with: "")
    }

    fileprivate init?(base64URL text: Substring) {
        let padded = text.replacing("-", with: "+").replacing("_", with: "/")
        self.init(base64Encoded: padded + String(repeating: "=", count: (4 - text.utf8.count % 4) % 4))
    }
}
