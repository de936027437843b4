// SPDX-License-Identifier: Apache-2.0

package import NIOCore

/// In which order, and for how long, a device's addresses are tried in one dial.
///
/// One after the other for now. It is a value, so that another order, or a race (RFC 8305), is another plan.
package struct DialPlan: Equatable, Sendable {
    /// One address, and the time for its TCP connection.
    package struct Attempt: Equatable, Sendable {
        package let endpoint: Endpoint
        package let timeout: TimeAmount
    }

    private var rest: ArraySlice<Endpoint>

    /// A plan for `endpoints`, each once, of which the first few are tried.
    package init(_ endpoints: [Endpoint]) {
        var seen: Set<Endpoint> = []
        rest = endpoints.filter { $0.port > 0 && seen.insert($0).inserted }.prefix(Self.attempts)
    }

    /// The next attempt; nil when there is none left.
    package mutating func next() -> Attempt? {
        rest.popFirst().map { Attempt(endpoint: $0, timeout: Self.timeout) }
    }

    private static let attempts = 8
    private static let timeout = TimeAmount.seconds(3)
}

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
