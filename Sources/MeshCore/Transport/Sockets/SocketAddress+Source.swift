// SPDX-License-Identifier: Apache-2.0

package import NIOCore

extension SocketAddress {
    /// What limits by address go by; nil where there is no such thing, as on a Unix socket.
    package var source: SourceAddress? {
        switch self {
        case .v4: SourceAddress(bytes: bytes(4..<8))
        case .v6: SourceAddress(bytes: bytes(8..<24))
        case .unixDomainSocket: nil
        }
    }

    /// A part of the system's structure, which has the address behind the family and the port, in IPv6 also behind the
    /// flow.
    private func bytes(_ range: Range<Int>) -> [UInt8] {
        withSockAddr { address, size in
            Array(UnsafeRawBufferPointer(start: address, count: size)[range])
        }
    }
}

/// Whose addresses count for the limits of one address.
package enum CountedAddresses: Sendable {
    /// Behind 127.0.0.1 there may be a proxy, and with it everybody.
    case allButLoopback
    case all

    /// Nil where the address doesn't count.
    package func source(of address: SocketAddress?) -> SourceAddress? {
        guard let source = address?.source else { return nil }
        switch self {
        case .allButLoopback: return source.isLoopback ? nil : source
        case .all: return source
        }
    }
}
