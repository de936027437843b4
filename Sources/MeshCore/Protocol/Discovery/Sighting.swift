// SPDX-License-Identifier: Apache-2.0

package import NIOCore

/// Who says where a device is; the order is that of trust where nothing else decides.
package enum SightingSource: Int, CaseIterable, Comparable, Hashable, Sendable {
    /// A session with the device: TLS has proven it.
    case session
    case configuration
    case signaling
    case multicast
    case broadcast
    case scan

    package static func < (left: Self, right: Self) -> Bool { left.rawValue < right.rawValue }

    /// For people.
    package var name: String {
        switch self {
        case .session: "session"
        case .configuration: "static"
        case .signaling: "signaling"
        case .multicast: "multicast"
        case .broadcast: "broadcast"
        case .scan: "scan"
        }
    }
}

/// A discovery source saying that a device is at some addresses, and until when.
package struct Sighting: Equatable, Sendable {
    package let id: DeviceID
    package var name: String?
    /// In the order in which to try them.
    package let endpoints: [Endpoint]
    package let source: SightingSource
    /// Made anew at each start of the device; nil where the source does not tell.
    package var instance: UInt64?
    /// Whether the device itself said so, as its key proves.
    package var isProven = false
    /// Whether to dial the device because of it.
    package var mayBeDialed = true
    package let until: NIODeadline

    package init(id: DeviceID, endpoints: [Endpoint], source: SightingSource, until: NIODeadline) {
        (self.id, self.endpoints, self.source, self.until) = (id, endpoints, source, until)
    }
}
