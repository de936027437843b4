// SPDX-License-Identifier: Apache-2.0

import MeshCore
import NIOCore
import Testing

@Suite struct SourceAddressTests {
    @Test(arguments: [
        ("192.0.2.1", "192.0.2.1"), ("::ffff:192.0.2.1", "192.0.2.1"), ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::", "2001:db8:1:2::/64"), ("fe80::1", "fe80:0:0:0::/64"), ("0.0.0.0", "0.0.0.0"),
    ])
    func `an IPv6 address counts as its first half, unless it is one of IPv4`(
        address: String,
        source: String
    ) throws {
        #expect(try SocketAddress(ipAddress: address, port: 1).source?.description == source)
    }

    @Test func `the port says nothing, the address everything`() throws {
        let sources = try [("192.0.2.1", 1), ("192.0.2.1", 2), ("192.0.2.2", 1), ("2001:db8::1", 1)].map {
            try #require(SocketAddress(ipAddress: $0.0, port: $0.1).source)
        }
        #expect(sources[0] == sources[1])
        #expect(Set(sources).count == 3)
    }

    @Test(arguments: [
        ("127.0.0.1", true), ("127.9.9.9", true), ("::1", true), ("::ffff:127.0.0.1", true), ("128.0.0.1", false),
        ("192.0.2.1", false), ("2001:db8::1", false),
    ])
    func `loopback counts only where it is asked to`(address: String, isLoopback: Bool) throws {
        let address = try SocketAddress(ipAddress: address, port: 1)
        #expect((CountedAddresses.allButLoopback.source(of: address) == nil) == isLoopback)
        #expect(CountedAddresses.all.source(of: address) != nil)
    }

    @Test func `what has no address, or no length of one, has no source`() throws {
        #expect(CountedAddresses.all.source(of: nil) == nil)
        #expect(try SocketAddress(unixDomainSocketPath: "/tmp/socket").source == nil)
        for count in [0, 3, 5, 15, 17] { #expect(SourceAddress(bytes: [UInt8](repeating: 1, count: count)) == nil) }
    }
}
