// SPDX-License-Identifier: Apache-2.0

/// An IP address as its bytes, for who has to compare networks.
package struct IPAddress: Hashable, Sendable {
    /// 4 or 16.
    package let bytes: [UInt8]

    /// Nil for anything but an address in numbers; a zone is left out, and an IPv4 address in IPv6 is an IPv4 address.
    package init?(_ text: some StringProtocol) {
        let text = Substring(text.prefix { $0 != "%" })
        guard let bytes = text.contains(":") ? Self.six(text) : Self.four(text) else { return nil }
        self.bytes = bytes.starts(with: Self.mapped) ? Array(bytes.dropFirst(Self.mapped.count)) : bytes
    }

    package var isIPv6: Bool { bytes.count == 16 }

    /// Of use on one link alone.
    package var isLinkLocal: Bool {
        isIPv6 ? bytes[0] == 0xFE && bytes[1] & 0xC0 == 0x80 : bytes[0] == 169 && bytes[1] == 254
    }

    package var isLoopback: Bool {
        isIPv6 ? bytes.dropLast().allSatisfy { $0 == 0 } && bytes.last == 1 : bytes[0] == 127
    }

    /// For private use (RFC 1918, RFC 4193), this machine or one link: not routed on the Internet.
    package var isPrivate: Bool {
        if isLoopback || isLinkLocal { return true }
        if isIPv6 { return bytes[0] & 0xFE == 0xFC }
        return bytes[0] == 10 || (bytes[0] == 172 && bytes[1] & 0xF0 == 16) || (bytes[0] == 192 && bytes[1] == 168)
    }

    /// Of a netmask, how many bits it has.
    package var leadingOnes: Int {
        bytes.prefix { $0 == 0xFF }.count * 8 + (bytes.first { $0 != 0xFF }.map { (~$0).leadingZeroBitCount } ?? 0)
    }

    /// The address with which everybody on an IPv4 network is reached (RFC 919); nil for one of one or two hosts.
    package func broadcast(bits: Int) -> String? {
        guard !isIPv6, (1...30).contains(bits) else { return nil }
        let hosts = UInt32.max >> UInt32(bits)
        let number = bytes.reduce(0) { $0 << 8 | UInt32($1) } | hosts
        return (0..<4).reversed().map { String(number >> (8 * UInt32($0)) & 0xFF) }.joined(separator: ".")
    }

    package func sharesNetwork(with other: IPAddress, bits: Int) -> Bool {
        guard bytes.count == other.bytes.count, (0...bytes.count * 8).contains(bits) else { return false }
        let (whole, rest) = bits.quotientAndRemainder(dividingBy: 8)
        guard bytes.prefix(whole) == other.bytes.prefix(whole) else { return false }
        return rest == 0 || (bytes[whole] ^ other.bytes[whole]) >> UInt8(8 - rest) == 0
    }

    /// RFC 4291, section 2.5.5.2.
    private static let mapped = [UInt8](repeating: 0, count: 10) + [0xFF, 0xFF]

    private static func four(_ text: Substring) -> [UInt8]? {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        let bytes = parts.compactMap { part in
            part.utf8.allSatisfy { (0x30...0x39).contains($0) } && part.utf8.count <= 3 ? UInt8(part) : nil
        }
        return parts.count == 4 && bytes.count == 4 ? bytes : nil
    }

    /// RFC 4291, section 2.2.
    private static func six(_ text: Substring) -> [UInt8]? {
        guard let gap = text.firstRange(of: "::") else { return groups(text).flatMap { $0.count == 16 ? $0 : nil } }
        let (before, after) = (text[..<gap.lowerBound], text[gap.upperBound...])
        guard let head = before.isEmpty ? [] : groups(before), let tail = after.isEmpty ? [] : groups(after),
            head.count + tail.count <= 14, !before.contains(".")
        else { return nil }
        return head + [UInt8](repeating: 0, count: 16 - head.count - tail.count) + tail
    }

    /// Groups of hexadecimal digits, the last perhaps an IPv4 address.
    private static func groups(_ text: Substring) -> [UInt8]? {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        var bytes: [UInt8] = []
        for (index, part) in parts.enumerated() {
            if index == parts.count - 1, part.contains("."), let four = four(part) {
                bytes += four
            } else {
                let isHex = part.utf8.allSatisfy { Character(Unicode.Scalar($0)).isHexDigit }
                guard (1...4).contains(part.utf8.count), isHex, let group = UInt16(part, radix: 16) else { return nil }
                bytes += [UInt8(group >> 8), UInt8(group & 0xFF)]
            }
        }
        return bytes.count <= 16 ? bytes : nil
    }
}
