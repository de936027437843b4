// SPDX-License-Identifier: Apache-2.0

/// What carries a discovery source's datagrams.
package enum DiscoveryMedium: Equatable, Sendable {
    /// To everybody on each network: from its directed broadcast address, or the one that is given.
    case broadcast(port: UInt16, address: String?)
    /// To a group, on the interfaces that are named, or where none is on all.
    case multicast(group: String, port: UInt16, interfaces: Set<String>)
    /// To nobody but those who are named; answers come to this port, 0 being a free one.
    case unicast(port: UInt16)

    /// The interfaces on which something is sent to all.
    func interfaces(among all: [NetworkInterface]) -> [NetworkInterface] {
        switch self {
        case .unicast: return []
        case .broadcast(_, let address):
            return all.filter { !$0.isIPv6 && ($0.broadcast != nil || address != nil) }
        case .multicast(let group, _, let names):
            var indexes: Set<Int> = []
            let family = all.filter { $0.isIPv6 == group.contains(":") && (names.isEmpty || names.contains($0.name)) }
            // Of an interface's addresses one is enough.
            return family.filter { indexes.insert($0.index).inserted }
        }
    }
}
