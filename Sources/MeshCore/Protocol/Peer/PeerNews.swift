// SPDX-License-Identifier: Apache-2.0

package import NIOCore

/// Where a device may be, as all that say so are merged.
package struct Whereabouts: Equatable, Sendable {
    package let id: DeviceID
    package let name: String?
    /// In the order in which to try them.
    package let endpoints: [Endpoint]
    /// Whether somebody says so who may be believed so far as to dial.
    ///
    /// Only such a device is dialed.
    package let isVerified: Bool

    package init(id: DeviceID, name: String?, endpoints: [Endpoint], isVerified: Bool) {
        (self.id, self.name, self.endpoints, self.isVerified) = (id, name, endpoints, isVerified)
    }
}

/// What happened to a device, for people.
package enum PeerNews: Equatable, Sendable {
    case found(DeviceID, name: String, at: [Endpoint])
    case connected(DeviceID, name: String, connection: Int)
    /// The device has no connection any more. With a time, it is dialed again after it.
    case lost(DeviceID, name: String, PeerEnd, dialingAgainIn: TimeAmount?)
    /// A dial failed, the first of a row.
    case unreachable(DeviceID, name: String, DialFault, dialingAgainIn: TimeAmount)
    /// The registry no longer lists a device that has no connection.
    case gone(DeviceID, name: String)
    /// A device that the registry does not list connected, and was refused.
    case refused(DeviceID, name: String)
    /// One that is not among those that may connect did, and was refused.
    case notAllowed(DeviceID, name: String)
    /// There were more devices than the table holds; the rest is passed over.
    case full(limit: Int)
}
