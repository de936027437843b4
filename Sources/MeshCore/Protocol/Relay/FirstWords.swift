// SPDX-License-Identifier: Apache-2.0

package import NIOCore

/// What somebody has said who has not been let in yet.
package enum FirstWords: Equatable, Sendable {
    /// Nothing, or what may be the beginning of a login.
    case unfinished
    /// A whole login, with a name that an account can have: it can be checked at once.
    case login
    /// What does not begin with a login. Inside TLS nothing is known.
    case other
}

extension FirstWords {
    /// Enough of a connection's beginning to see a login in it, as no more may be said before one.
    package static let length = RelayLimits.bytesBeforeLogin

    /// From the beginning of what came, as much of it as there is, up to ``length``.
    package init(_ bytes: ByteBuffer) {
        switch FirstBytes(bytes.readableBytesView, insideTLS: false) {
        case .undecided:
            self = .unfinished
        case .tls, .http:
            self = .other
        case .dialect(let dialect):
            let words = (try? Self.words(bytes, dialect)) ?? .other
            self = words == .unfinished && bytes.readableBytes >= Self.length ? .other : words
        }
    }

    private init(_ login: WireLogin) {
        self = AccountName(login.user) == nil ? .other : .login
    }

    private static func words(_ bytes: ByteBuffer, _ dialect: Dialect) throws(WireViolation) -> FirstWords {
        var bytes = bytes
        if dialect == .binary { bytes.moveReaderIndex(forwardBy: Dialect.binaryPreamble.utf8.count) }
        guard var decoder = RelayRequestDecoder(dialect) else { return try lines(&bytes) }
        guard let request = try decoder.next(from: &bytes) else { return .unfinished }
        return if case .login(let login) = request { Self(login) } else { .other }
    }

    private static func lines(_ bytes: inout ByteBuffer) throws(WireViolation) -> FirstWords {
        var (dialogue, decoder) = (LinesDialogue(), LineDecoder(limit: length))
        while let line = try decoder.next(from: &bytes) {
            for case .request(.login(let login)) in dialogue.received(line) { return Self(login) }
        }
        return .unfinished
    }
}
