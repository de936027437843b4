// SPDX-License-Identifier: Apache-2.0

package import NIOCore

/// What the first bytes of a connection say about the rest.
package enum FirstBytes: Equatable, Sendable {
    /// A TLS record that holds a handshake: what is inside is to be looked at again.
    case tls
    case dialect(Dialect)
    /// An HTTP/1 request.
    case http
    /// What has come so far could still become several of these. After ``RelayLimits/dialectTime`` it is lines.
    case undecided
}

extension FirstBytes {
    /// Looks at the first bytes of a connection, or at those inside its TLS.
    ///
    /// Nothing is taken out: the preamble of the binary dialect is ``Dialect/binaryPreamble``'s length.
    package init(_ bytes: ByteBufferView, insideTLS: Bool) {
        let signs = insideTLS ? Self.signs.dropFirst() : Self.signs[...]
        if let sign = signs.first(where: { bytes.starts(with: $0.bytes) }) {
            self = sign.meaning
        } else if signs.contains(where: { $0.bytes.starts(with: bytes) }) {
            self = .undecided
        } else {
            self = .dialect(.lines)
        }
    }

    /// TLS first.
    private static let signs: [(bytes: [UInt8], meaning: FirstBytes)] =
        [
            ([0x16, 0x03], .tls), (Array(Dialect.binaryPreamble.utf8), .dialect(.binary)),
            (Array("{".utf8), .dialect(.json)),
        ]
        + ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "CONNECT", "TRACE"].map {
            (Array("\($0) ".utf8), .http)
        }
}
