// SPDX-License-Identifier: Apache-2.0

import MeshCore
import Testing

@testable import device

@Suite struct SettingsTests {
    @Test(arguments: [
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080", "127.0.0.1:8080"),
        ("http://mesh.example.org/", "http://mesh.example.org", "mesh.example.org"),
        ("https://mesh.example.org:443", "https://mesh.example.org", "mesh.example.org"),
        ("https://[2001:db8::1]:8443", "https://[2001:db8::1]:8443", "[2001:db8::1]:8443"),
        ("http://[::1]", "http://[::1]", "[::1]"),
    ])
    func `a signaling server's address has a scheme, and its port where that is not the scheme's`(
        argument: String,
        text: String,
        authority: String
    ) throws {
        let address = try #require(SignalingAddress(argument: argument))
        #expect(address.description == text)
        #expect(address.authority == authority)
    }

    @Test(arguments: [
        "", "127.0.0.1:8080", "ftp://a", "http://", "http://a:0", "http://a/b", "http://a:b", "http://u@h",
    ])
    func `anything else is no address`(argument: String) {
        #expect(SignalingAddress(argument: argument) == nil)
    }

    @Test func `a wildcard is registered as the addresses of the interfaces`() throws {
        let interfaces = ["192.0.2.1", "2001:db8::1"]
        let texts = { (bound: String) in
            OwnAddresses.of(try #require(Endpoint(bound)), interfaces: interfaces).map(\.description)
        }
        #expect(try texts("127.0.0.1:9000") == ["127.0.0.1:9000"])
        #expect(try texts("0.0.0.0:9000") == ["192.0.2.1:9000"])
        #expect(try texts("[::]:9000") == ["192.0.2.1:9000", "[2001:db8::1]:9000"])
    }
}
