// SPDX-License-Identifier: Apache-2.0

/// Where a connection comes from, as far as limits go: an IPv4 address, or the first 64 bits of an IPv6 address, since
/// who has one of those has all 2^64 behind them.
package struct SourceAddress: Hashable, Sendable {
    package enum Version: Int, Sendable {
        case four = 4
        case six = 6
    }

    package let version: Version
    /// The address, or its first 64 bits, as a number.
    package let prefix: UInt64

    package init(version: Version, prefix: UInt64) {
        self.version = version
        self.prefix = prefix
    }

    /// From an address's bytes in the order of the network: 4, or 16, of which an IPv4 address mapped into IPv6 (RFC
    /// 4291, section 2.5.5.2) is the IPv4 address.
    ///
    /// Nil for any other number of bytes.
    package init?(bytes: [UInt8]) {
        switch bytes.count {
        case 4: self.init(version: .four, prefix: Self.number(bytes[...]))
        case 16 where bytes.starts(with: Self.mapping): self.init(version: .four, prefix: Self.number(bytes[12...]))
        case 16: self.init(version: .six, prefix: Self.number(bytes[..<8]))
        default: return nil
        }
    }

    /// Whether it is this machine: 127.0.0.0/8, or the prefix of `::1`, which no other machine has.
    package var isLoopback: Bool {
        switch version {
        case .four: prefix >> 24 == 127
        case .six: prefix == 0
        }
    }

    private static let mapping: [UInt8] = [UInt8](repeating: 0, count: 10) + [0xFF, 0xFF]

    private static func number(_ bytes: ArraySlice<UInt8>) -> UInt64 {
        bytes.reduce(0) { $0 << 8 | UInt64($1) }
    }
}

extension SourceAddress: CustomStringConvertible {
    /// `192.0.2.1`, `2001:db8:0:1::/64`.
    package var description: String {
        switch version {
        case .four: [24, 16, 8, 0].map { "\(prefix >> $0 & 0xFF)" }.joined(separator: ".")
        case .six: [48, 32, 16, 0].map { String(prefix >> $0 & 0xFFFF, radix: 16) }.joined(separator: ":") + "::/64"
        }
    }
}
