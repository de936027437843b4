// SPDX-License-Identifier: Apache-2.0

package import NIOCore

/// What somebody has said who has not been let in yet.
package enum FirstWords: Equatable, Sendable {
    case nothing
    /// A whole login, with a name that an account can have: it can be checked at once.
    case login
    /// Anything else. Inside TLS nothing is known.
    case other
}

extension FirstWords {
    /// Enough of a connection's beginning to see a login in it.
    package static let length = 4_096

    /// From the beginning of what came, as much of it as there is.
    package init(_ bytes: ByteBuffer) {
        if bytes.readableBytes == 0 {
            self = .nothing
        } else if let login = Self.login(in: bytes), AccountName(login.user) != nil {
            self = .login
        } else {
            self = .other
        }
    }

    private static func login(in bytes: ByteBuffer) -> WireLogin? {
        var bytes = bytes
        guard case .dialect(let dialect) = FirstBytes(bytes.readableBytesView, insideTLS: false) else { return nil }
        if dialect == .binary { bytes.moveReaderIndex(forwardBy: Dialect.binaryPreamble.utf8.count) }
        guard var decoder = RelayRequestDecoder(dialect) else { return loginLines(in: &bytes) }
        guard case .login(let login)? = try? decoder.next(from: &bytes) else { return nil }
        return login
    }

    private static func loginLines(in bytes: inout ByteBuffer) -> WireLogin? {
        var (dialogue, decoder) = (LinesDialogue(), LineDecoder(limit: length))
        while let line = try? decoder.next(from: &bytes) {
            for case .request(.login(let login)) in dialogue.received(line) { return login }
        }
        return nil
    }
}
