// SPDX-License-Identifier: Apache-2.0

package import NIOCore

/// What a device's table has to know of a connection.
package struct PeerConnectionFacts: Equatable, Sendable {
    /// Names the connection on this side.
    ///
    /// A later connection has a higher number.
    package let number: Int
    package let direction: PeerDirection
    /// Of the other side's greeting.
    package let instance: UInt64
    /// Whether the other side is on a network of this device's.
    package var isNeighbor = false

    package init(number: Int, direction: PeerDirection, instance: UInt64) {
        (self.number, self.direction, self.instance) = (number, direction, instance)
    }

    /// Whether this connection, the newer one, goes and `old` stays.
    ///
    /// A restarted device does not know its old connections: then the newer one stays. Otherwise the one stays that was
    /// dialed by the device with the lower id; where the same device dialed both, it has given up the older one.
    func yields(to old: PeerConnectionFacts, between ownID: DeviceID, and otherID: DeviceID) -> Bool {
        guard instance == old.instance, direction != old.direction else { return false }
        return (direction == .outbound) != (ownID < otherID)
    }
}

/// The bounds of a device's table, and what it lets in.
package struct PeerPolicy: Equatable, Sendable {
    /// Whether a device that the registry does not list may connect.
    package var acceptsUnlisted = false
    /// Whether a device on a network of this one's may connect.
    package var acceptsNeighbors = false
    /// The devices that may connect and are dialed, whoever lists them; nil for all of those.
    package var allowed: Set<DeviceID>?
    /// Devices that have a connection.
    package var peers = 256
    /// Devices that are known.
    package var devices = 1_024
    /// Dials at once.
    package var dials = 16
    package var backoff = Backoff(shortest: .seconds(1), longest: .seconds(60))
    /// How long a connection lives before it counts as a success.
    package var steady = TimeAmount.seconds(10)

    package init() {}

    func allows(_ id: DeviceID) -> Bool { allowed?.contains(id) ?? true }

    func welcomes(_ facts: PeerConnectionFacts) -> Bool {
        facts.direction == .outbound || acceptsUnlisted || acceptsNeighbors && facts.isNeighbor
    }
}
