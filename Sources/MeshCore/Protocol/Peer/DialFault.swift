// SPDX-License-Identifier: Apache-2.0

/// Why a dial did not become a connection.
package enum DialFault: Error, Equatable, Sendable {
    /// No address to dial.
    case noAddress
    /// Nothing answered at the address, in the system's words.
    case notReached(Endpoint, String)
    /// What answered is not the device that was dialed: its key proves another id.
    case otherDevice(Endpoint, DeviceID)
    /// What answered proved no id.
    case notProven(Endpoint, String)
    /// The device answered, and the connection ended before it was admitted.
    case ended(Endpoint, PeerEnd)
}

extension DialFault: CustomStringConvertible {
    package var description: String {
        switch self {
        case .noAddress: "it has no address"
        case .notReached(let endpoint, let reason): "\(endpoint): \(reason)"
        case .otherDevice(let endpoint, let id): "what answers at \(endpoint) is another device (\(id.short))"
        case .notProven(let endpoint, let reason): "what answers at \(endpoint) proves no id: \(reason)"
        case .ended(let endpoint, let end): "\(endpoint): \(end)"
        }
    }
}

extension DialFault {
    /// Whether somebody answered: people learn more from that than from silence.
    var isTelling: Bool {
        switch self {
        case .otherDevice, .notProven, .ended: true
        case .noAddress, .notReached: false
        }
    }
}
