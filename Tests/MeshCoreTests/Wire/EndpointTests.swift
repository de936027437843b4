// SPDX-License-Identifier: Apache-2.0

import MeshCore
import Testing

@Suite struct EndpointTests {
    @Test(arguments: ["127.0.0.1:9000", "[::1]:9000", "relay.example.org:0", "[fe80::1%eth0]:65535", "a:1"])
    func `an endpoint is printed as it was parsed`(text: String) throws {
        #expect(try #require(Endpoint(text)).description == text)
    }

    @Test(arguments: [
        "", ":", "a", "a:", ":1", "a:70000", "a:-1", "a:+1", "a:1 ", "::1:9000", "[::1]", "[a]:1", "[]:1", "a b:1",
        "a\n:1",
        "-a:1", "a:0x1", "a:１",
    ])
    func `anything else is no endpoint`(text: String) {
        #expect(Endpoint(text) == nil)
    }

    @Test(arguments: [
        ("127.0.0.1:1", true), ("[::1]:1", true), ("localhost:1", true), ("128.0.0.1:1", false),
        ("127.example.org:1", false), ("[::2]:1", false), ("0.0.0.0:1", false),
    ])
    func `loopback is told from the rest`(text: String, isLoopback: Bool) throws {
        #expect(try #require(Endpoint(text)).isLoopback == isLoopback)
    }
}
