// SPDX-License-Identifier: Apache-2.0

import MeshCore
import Testing

@testable import device

@Suite struct NeighborhoodTests {
    private let neighborhood = Neighborhood(interfaces: [
        NetworkInterface(name: "eth0", index: 2, address: "192.0.2.1", prefix: 24),
        NetworkInterface(name: "eth1", index: 3, address: "2001:db8::1", prefix: 64),
    ])

    @Test(arguments: [
        ("192.0.2.77:4000", true), ("192.0.3.77:4000", false), ("127.0.0.1:4000", true), ("[::1]:4000", true),
        ("[2001:db8::77]:4000", true), ("[2001:db8:0:1::77]:4000", false), ("[fe80::1%eth0]:4000", true),
        ("[::ffff:192.0.2.9]:4000", true), ("an unknown address", false),
    ])
    func `an address is on a network of this machine or not`(_ address: String, _ isNear: Bool) {
        #expect(neighborhood.reaches(address) == isNear)
    }
}
