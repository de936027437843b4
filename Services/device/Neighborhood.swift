// SPDX-License-Identifier: Apache-2.0

import MeshCore

/// The networks that this machine is on.
struct Neighborhood: Equatable, Sendable {
    let interfaces: [NetworkInterface]

    static var now: Neighborhood { Neighborhood(interfaces: NetworkInterface.all()) }

    /// Whether an address with its port, as a connection has it, is on one of the networks.
    func reaches(_ address: String) -> Bool {
        guard let endpoint = Endpoint(address) else { return false }
        if endpoint.isLoopback || IPAddress(endpoint.host)?.isLinkLocal == true { return true }
        return interfaces.contains { $0.reaches(endpoint.host) }
    }
}

extension PeerLink {
    /// Where the other side can be dialed: where this side dialed it, or where it says that it listens.
    func listeningEndpoint(_ greeting: PeerGreeting) -> Endpoint? {
        guard let endpoint = Endpoint(address) else { return nil }
        switch facts.direction {
        case .outbound: return endpoint
        case .inbound: return greeting.port == 0 ? nil : Endpoint(host: endpoint.host, port: greeting.port)
        }
    }
}
