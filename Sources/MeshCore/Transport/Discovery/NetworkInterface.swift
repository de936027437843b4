// SPDX-License-Identifier: Apache-2.0

import NIOCore
import NIOPosix

/// An address of this machine on one of its networks.
package struct NetworkInterface: Equatable, Sendable {
    package let name: String
    package let index: Int
    package let address: String
    /// The bits of the address that name the network; nil where unknown.
    package let prefix: Int?

    package init(name: String, index: Int, address: String, prefix: Int?) {
        (self.name, self.index, self.address, self.prefix) = (name, index, address, prefix)
    }

    /// The directed broadcast address; nil for a network that has none.
    ///
    /// From the network's size: an interface that was set up without one has it all the same.
    package var broadcast: String? {
        guard !isLoopback, let prefix else { return nil }
        return IPAddress(address)?.broadcast(bits: prefix)
    }

    package var isIPv6: Bool { address.contains(":") }
    package var isLoopback: Bool { Endpoint(host: address, port: 0)?.isLoopback ?? false }

    /// Those there are now: they come and go.
    package static func all() -> [NetworkInterface] {
        let devices = (try? System.enumerateDevices()) ?? []
        return devices.compactMap { device in
            guard let address = device.address?.ipAddress else { return nil }
            return NetworkInterface(
                name: device.name,
                index: device.interfaceIndex,
                address: address,
                prefix: device.netmask?.ipAddress.flatMap(IPAddress.init)?.leadingOnes
            )
        }
    }

    /// Whether `host` is on the same network.
    package func reaches(_ host: String) -> Bool {
        guard let prefix, let own = IPAddress(address), let other = IPAddress(host) else { return false }
        return own.sharesNetwork(with: other, bits: prefix)
    }
}
