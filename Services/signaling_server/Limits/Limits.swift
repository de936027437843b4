// SPDX-License-Identifier: Apache-2.0

package import MeshCore
package import NIOCore
import Synchronization

/// What one address, and one key, may ask of the server.
///
/// Who comes from this machine itself is not limited by its address, which all programs here share.
package final class Limits: Sendable {
    /// The bounds.
    package struct Bounds: Equatable, Sendable {
        /// Requests of an address, which many devices may share.
        package var address = Rate(perSecond: 100, burst: 500)
        /// Requests of a device.
        package var key = Rate(perSecond: 10, burst: 50)
        /// Of these, registrations.
        package var registrationsOfAddress = Rate(perSecond: 20, burst: 200)
        package var registrationsOfKey = Rate(perSecond: 1, burst: 10)
        /// Streams that an address may have open, and a device.
        package var streamsOfAddress = 500
        package var streamsOfKey = 8
        /// Connections that an address may have open.
        package var connectionsOfAddress = 1_000
        package var sparesLoopback = true

        package init() {}
    }

    /// Somebody's place among the open streams or connections; given back at its end.
    package struct Slot: Sendable {
        fileprivate let address: AddressKey?
        fileprivate let device: DeviceID?
    }

    private struct State {
        var addresses: RateLimiter<AddressKey>
        var keys: RateLimiter<DeviceID>
        var registeringAddresses: RateLimiter<AddressKey>
        var registeringKeys: RateLimiter<DeviceID>
        var streamsOfAddresses: [AddressKey: Int] = [:]
        var streamsOfKeys: [DeviceID: Int] = [:]
        var connections: [AddressKey: Int] = [:]
    }

    private let bounds: Bounds
    private let state: Mutex<State>

    package init(_ bounds: Bounds) {
        self.bounds = bounds
        state = Mutex(
            State(
                addresses: RateLimiter(bounds.address),
                keys: RateLimiter(bounds.key),
                registeringAddresses: RateLimiter(bounds.registrationsOfAddress),
                registeringKeys: RateLimiter(bounds.registrationsOfKey)
            )
        )
    }

    /// A request came; nothing of it has been looked at.
    package func requested(from remote: Endpoint?, at now: NIODeadline) throws(LimitFault) {
        guard let address = address(of: remote) else { return }
        let wait = state.withLock { $0.addresses.take(address, at: now) }
        if let wait { throw LimitFault(.requestsOfAddress, after: wait) }
    }

    /// Its signature was found right.
    package func signed(by device: DeviceID?, at now: NIODeadline) throws(LimitFault) {
        guard let device else { return }
        let wait = state.withLock { $0.keys.take(device, at: now) }
        if let wait { throw LimitFault(.requestsOfKey, after: wait) }
    }

    /// It wants to register.
    package func registering(_ device: DeviceID?, from remote: Endpoint?, at now: NIODeadline) throws(LimitFault) {
        if let device, let wait = state.withLock({ $0.registeringKeys.take(device, at: now) }) {
            throw LimitFault(.registrationsOfKey, after: wait)
        }
        guard let address = address(of: remote) else { return }
        let wait = state.withLock { $0.registeringAddresses.take(address, at: now) }
        if let wait { throw LimitFault(.registrationsOfAddress, after: wait) }
    }

    /// A stream is to be opened.
    package func openStream(_ device: DeviceID?, from remote: Endpoint?) throws(LimitFault) -> Slot {
        let slot = Slot(address: address(of: remote), device: device)
        let fault: LimitFault.Cause? = state.withLock { state in
            if let address = slot.address, state.streamsOfAddresses[address, default: 0] >= bounds.streamsOfAddress {
                return .streamsOfAddress
            }
            if let device, state.streamsOfKeys[device, default: 0] >= bounds.streamsOfKey { return .streamsOfKey }
            if let address = slot.address { state.streamsOfAddresses[address, default: 0] += 1 }
            if let device { state.streamsOfKeys[device, default: 0] += 1 }
            return nil
        }
        if let fault { throw LimitFault(fault, after: .seconds(30)) }
        return slot
    }

    package func closeStream(_ slot: Slot) {
        state.withLock { state in
            if let address = slot.address { Self.decrease(&state.streamsOfAddresses, address) }
            if let device = slot.device { Self.decrease(&state.streamsOfKeys, device) }
        }
    }

    /// A connection was accepted; nil where that is one too many.
    package func openConnection(from remote: Endpoint?) -> Slot? {
        guard let address = address(of: remote) else { return Slot(address: nil, device: nil) }
        return state.withLock { state in
            guard state.connections[address, default: 0] < bounds.connectionsOfAddress else { return nil }
            state.connections[address, default: 0] += 1
            return Slot(address: address, device: nil)
        }
    }

    package func closeConnection(_ slot: Slot) {
        guard let address = slot.address else { return }
        state.withLock { Self.decrease(&$0.connections, address) }
    }

    private static func decrease<Key>(_ counts: inout [Key: Int], _ key: Key) {
        guard let count = counts[key] else { return }
        counts[key] = count > 1 ? count - 1 : nil
    }

    /// Nil for who is not limited by its address.
    private func address(of remote: Endpoint?) -> AddressKey? {
        guard let remote, !(bounds.sparesLoopback && remote.isLoopback) else { return nil }
        return AddressKey(remote.host)
    }
}

/// What counts as one address: an IPv4 address, or the 64 bits of an IPv6 network, as somebody who has one of its
/// addresses has them all.
struct AddressKey: Hashable, Sendable {
    private let text: String

    init(_ host: String) {
        text = AddressRange.network(of: host, bits: 64) ?? host
    }
}

/// Who asks for more than its share.
package struct LimitFault: Error, Equatable, Sendable, CustomStringConvertible {
    package enum Cause: String, Sendable {
        case requestsOfAddress = "requests-of-address"
        case requestsOfKey = "requests-of-key"
        case registrationsOfAddress = "registrations-of-address"
        case registrationsOfKey = "registrations-of-key"
        case streamsOfAddress = "streams-of-address"
        case streamsOfKey = "streams-of-key"
    }

    package let cause: Cause
    /// In whole seconds, at least one.
    package let retryAfter: Int64

    init(_ cause: Cause, after wait: TimeAmount) {
        self.cause = cause
        retryAfter = max(1, (wait.nanoseconds + 999_999_999) / 1_000_000_000)
    }

    package var description: String {
        let what =
            switch cause {
            case .requestsOfAddress: "too many requests from this address"
            case .requestsOfKey: "too many requests of this device"
            case .registrationsOfAddress: "too many registrations from this address"
            case .registrationsOfKey: "too many registrations of this device"
            case .streamsOfAddress: "too many open streams from this address"
            case .streamsOfKey: "too many open streams of this device"
            }
        return "\(what): try again in \(retryAfter) s"
    }
}
