// SPDX-License-Identifier: Apache-2.0

package import NIOCore

/// The bounds of a conversation between two devices, known to both ends.
package enum PeerLimits {
    /// A frame, in bytes: room for a value of the store, or for the versions of all its writers.
    package static let frame = 128 * 1024
    /// What waits for the device to take it, in bytes, before a connection is no longer read.
    package static let untaken = 512 * 1024
    /// What waits for the other side to take it, in bytes, before a connection sends no more.
    package static let unsent = 4 * 1024 * 1024
    /// A text, in bytes.
    package static let text = 32_000
    /// A device's name, in bytes: as long as the registry allows.
    package static let name = 64
    /// The text of a version, in bytes.
    package static let version = 64
    /// Texts of one direction that are under way: sent, and not acknowledged.
    package static let window = 512
    /// Texts of one direction that are not acknowledged, those included that wait for the other side to be back.
    package static let pendingTexts = 1_000
    /// The same in bytes; one more may begin.
    package static let pendingBytes = 2 * 1024 * 1024
    /// Round trips that are being measured at once.
    package static let measurements = 16
    /// The default time between two heartbeats.
    package static let heartbeat = TimeAmount.seconds(5)
    /// Heartbeats after which a silent peer is taken for dead.
    package static let silentHeartbeats: Int64 = 3
    /// The default time from a connection's first byte to the other side's greeting.
    package static let greetingTime = TimeAmount.seconds(10)
    /// How long a goodbye waits for its answer.
    package static let goodbyeTime = TimeAmount.seconds(1)
    /// What a device that dials says first inside TLS.
    package static let preamble = "MESH/1\r\n"
    /// The name of the protocol in TLS (ALPN, RFC 7301).
    package static let applicationProtocol = "mesh/1"
    /// The same of those that speak HTTP.
    package static let webProtocol = "http/1.1"
}
