// SPDX-License-Identifier: Apache-2.0

package import NIOCore

/// The bounds of a conversation with the relay, known to both ends.
package enum RelayLimits {
    /// A frame or a line, in bytes.
    package static let frame = 64 * 1024
    /// A message's text, in bytes: what JSON's escapes double still fits into a frame.
    package static let text = 32_000
    /// A client's message id, and a session's, in bytes.
    package static let identifier = 64
    /// Bytes taken from a connection that has not logged in, and bytes written to it.
    package static let bytesBeforeLogin = 4 * 1024
    /// Wrong passwords on one connection.
    package static let failedLogins = 10
    /// The default time for a login, from the beginning of the connection on.
    package static let loginTime = TimeAmount.seconds(10)
    /// Silence after which a connection's dialect is taken to be lines.
    package static let dialectTime = TimeAmount.milliseconds(500)
}
