// SPDX-License-Identifier: Apache-2.0

/// Addresses and UDP ports to probe: `192.168.1.0/24:8880-8885`, `10.0.0.7:8880`.
package struct ScanRange: Equatable, Sendable {
    private let first: UInt32
    private let hosts: Int
    private let firstPort: UInt16
    private let ports: Int

    /// Nil for anything else than an IPv4 address or network, and a port or a range of ports.
    package init?(_ text: some StringProtocol) {
        let halves = String(text).split(separator: ":", omittingEmptySubsequences: false)
        guard halves.count == 2, let network = Self.network(halves[0]), let ports = Self.ports(halves[1]) else {
            return nil
        }
        (first, hosts) = network
        (firstPort, self.ports) = (ports.lowerBound, ports.count)
    }

    /// The addresses and ports there are.
    package var count: Int { hosts * ports }

    /// The one with the given number, all hosts at the first port first.
    func target(_ index: Int) -> Endpoint? {
        guard (0..<count).contains(index) else { return nil }
        let address = first + UInt32(index % hosts)
        return Endpoint(host: Self.text(address), port: firstPort + UInt16(index / hosts))
    }

    /// Whether all addresses are for private use (RFC 1918), this machine (127/8) or one link (169.254/16).
    package var isPrivate: Bool {
        Self.privateNetworks.contains { network, bits in
            let mask = UInt32.max << (32 - bits)
            return first & mask == network && (first + UInt32(hosts - 1)) & mask == network
        }
    }

    private static let privateNetworks: [(UInt32, UInt32)] = [
        (0x0A00_0000, 8), (0xAC10_0000, 12), (0xC0A8_0000, 16), (0x7F00_0000, 8), (0xA9FE_0000, 16),
    ]

    /// The addresses of hosts: without a network's own and its broadcast address, where it has them.
    private static func network(_ text: Substring) -> (first: UInt32, count: Int)? {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard let address = parts.first.flatMap({ number($0) }) else { return nil }
        if parts.count == 1 { return (address, 1) }
        guard parts.count == 2, let bits = decimal(parts[1], upTo: 32), bits >= 8 else { return nil }
        let size = 1 << (32 - bits)
        let start = address & (bits == 0 ? 0 : UInt32.max << UInt32(32 - bits))
        return size > 2 ? (start + 1, size - 2) : (start, size)
    }

    private static func number(_ text: Substring) -> UInt32? {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false).map { decimal($0, upTo: 255) }
        guard parts.count == 4 else { return nil }
        return parts.reduce(0) { sum, part in
            guard let sum, let part else { return nil }
            return sum << 8 | UInt32(part)
        }
    }

    private static func ports(_ text: Substring) -> ClosedRange<UInt16>? {
        let parts = text.split(separator: "-", omittingEmptySubsequences: false).map { decimal($0, upTo: 65_535) }
        guard (1...2).contains(parts.count), let low = parts[0], let high = parts[parts.count - 1] else { return nil }
        return low > 0 && low <= high ? UInt16(low)...UInt16(high) : nil
    }

    private static func decimal(_ text: Substring, upTo limit: Int) -> Int? {
        guard (1...5).contains(text.utf8.count), text.utf8.allSatisfy({ (0x30...0x39).contains($0) }),
            let number = Int(text), number <= limit
        else { return nil }
        return number
    }

    private static func text(_ address: UInt32) -> String {
        (0..<4).reversed().map { String(address >> (8 * UInt32($0)) & 0xFF) }.joined(separator: ".")
    }
}
