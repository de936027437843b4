// SPDX-License-Identifier: Apache-2.0

package import NIOCore

/// Which of two devices opened a connection.
package enum PeerDirection: Equatable, Sendable {
    case inbound
    case outbound
}

/// The times of a connection between two devices.
package struct PeerTiming: Equatable, Sendable {
    /// Silence on the sending side after which a heartbeat is sent.
    package var heartbeat = PeerLimits.heartbeat
    /// For TLS, the greeting and being admitted, each.
    package var greeting = PeerLimits.greetingTime
    package var goodbye = PeerLimits.goodbyeTime

    package init() {}

    /// Silence on the receiving side after which the peer is taken for dead.
    package var silence: TimeAmount { heartbeat * PeerLimits.silentHeartbeats }
}
