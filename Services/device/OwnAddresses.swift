// SPDX-License-Identifier: Apache-2.0

import MeshCore
import NIOCore

/// At which addresses others may reach a listener.
enum OwnAddresses {
    /// The address that was bound; where that is a wildcard, those of the interfaces.
    static func of(_ bound: Endpoint, interfaces: [String]) -> [Endpoint] {
        guard wildcards.contains(bound.host) else { return [bound] }
        let hosts = interfaces.filter { host in
            bound.host.contains(":") || !host.contains(":")
        }
        return hosts.compactMap { Endpoint(host: $0, port: bound.port) }.prefix(RegistrationLimits.addresses).map(
            \.self
        )
    }

    /// The addresses of this machine that other machines can use, as far as it can tell; the loopback one where it has
    /// no others.
    static func interfaces() -> [String] {
        let devices = (try? System.enumerateDevices()) ?? []
        let addresses = devices.compactMap { $0.address?.ipAddress }.filter { address in
            !(Endpoint(host: address, port: 0)?.isLoopback ?? true) && !address.lowercased().hasPrefix("fe80:")
        }
        return addresses.isEmpty ? ["127.0.0.1"] : addresses
    }

    static func isWildcard(_ host: String) -> Bool { wildcards.contains(host) }

    private static let wildcards: Set<String> = ["0.0.0.0", "::"]
}
