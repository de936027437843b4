// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import MeshCore
import NIOCore

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// The addresses that begin with the same bits: `10.0.0.0/8`, `2001:db8::/32`, or one alone.
package struct AddressRange: Equatable, Sendable, ExpressibleByArgument {
    private let bytes: [UInt8]
    private let bits: Int

    /// Nil for what is no range.
    package init?(argument: String) {
        let sides = argument.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        guard (1...2).contains(sides.count), let bytes = Self.bytes(of: sides[0]) else { return nil }
        let longest = bytes.count * 8
        guard let bits = sides.count == 2 ? Int(sides[1]) : longest, (0...longest).contains(bits) else { return nil }
        (self.bytes, self.bits) = (bytes, bits)
    }

    /// Ranges with commas between; nil where one is none.
    package static func list(_ text: String) -> [AddressRange]? {
        let pieces = text.split(separator: ",")
        let ranges = pieces.compactMap { AddressRange(argument: String($0)) }
        return ranges.count == pieces.count ? ranges : nil
    }

    package func contains(_ host: String) -> Bool {
        guard let other = Self.bytes(of: host), other.count == bytes.count else { return false }
        return Self.masked(other, bits) == Self.masked(bytes, bits)
    }

    /// The network of an IPv6 address; nil for anything else.
    static func network(of host: String, bits: Int) -> String? {
        guard let bytes = bytes(of: host), bytes.count == 16 else { return nil }
        return masked(bytes, bits).prefix((bits + 7) / 8).map { String($0, radix: 16) }.joined(separator: ".")
    }

    private static func masked(_ bytes: [UInt8], _ bits: Int) -> [UInt8] {
        bytes.enumerated().map { position, byte in
            let kept = max(0, min(8, bits - position * 8))
            return kept == 0 ? 0 : byte & (0xFF << (8 - kept))
        }
    }

    /// In network order; an IPv4 address in the clothes of an IPv6 one is taken out of them.
    private static func bytes(of host: String) -> [UInt8]? {
        // The C function would take a NUL for the end, and an interface's name for part of the address.
        guard host.isIPAddress else { return nil }
        var four = in_addr()
        if unsafe inet_pton(AF_INET, host, &four) == 1 { return withUnsafeBytes(of: four) { unsafe Array($0) } }
        var six = in6_addr()
        guard unsafe inet_pton(AF_INET6, host, &six) == 1 else { return nil }
        let bytes = withUnsafeBytes(of: six) { unsafe Array($0) }
        let isMapped = bytes[..<10].allSatisfy { $0 == 0 } && bytes[10] == 0xFF && bytes[11] == 0xFF
        return isMapped ? Array(bytes[12...]) : bytes
    }
}
