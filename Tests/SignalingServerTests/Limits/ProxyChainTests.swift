// SPDX-License-Identifier: Apache-2.0

import HTTPTypes
import HummingbirdTesting
import MeshCore
import Testing
import signaling_server

@Suite struct ProxyChainTests {
    /// Where a connection comes from, what is said in two headers, and who that makes the client.
    private static let requests: [(String, String?, String?, String)] = [
        ("10.0.0.1:5", "for=192.0.2.60;proto=http;by=203.0.113.43", nil, "192.0.2.60:0"),
        ("10.0.0.1:5", #"for="[2001:db8:cafe::17]:4711""#, nil, "[2001:db8:cafe::17]:4711"),
        ("10.0.0.1:5", "for=6.6.6.6, For=192.0.2.60, for=10.0.0.2", nil, "192.0.2.60:0"),
        ("10.0.0.1:5", "for=6.6.6.6, for=_hidden, for=10.0.0.2", nil, "10.0.0.2:0"),
        ("10.0.0.1:5", "for=unknown", nil, "10.0.0.1:5"), ("10.0.0.1:5", "nonsense,,=;", nil, "10.0.0.1:5"),
        ("10.0.0.1:5", nil, "6.6.6.6, 192.0.2.60, 10.0.0.2", "192.0.2.60:0"),
        ("10.0.0.1:5", nil, "192.0.2.60:4711", "192.0.2.60:4711"),
        ("10.0.0.1:5", nil, "2001:db8::1", "[2001:db8::1]:0"),
        ("10.0.0.1:5", "for=192.0.2.60", "6.6.6.6, 192.0.2.60", "192.0.2.60:0"),
        ("10.0.0.1:5", nil, "evil\u{0}", "10.0.0.1:5"),
        ("10.0.0.1:5", nil, nil, "10.0.0.1:5"),
        ("192.0.2.1:5", "for=127.0.0.1", "127.0.0.1", "192.0.2.1:5"),
    ]

    @Test(arguments: [
        ("10.0.0.0/8", "10.255.0.1", true), ("10.0.0.0/8", "11.0.0.1", false), ("192.0.2.7", "192.0.2.7", true),
        ("192.0.2.0/31", "192.0.2.1", true), ("192.0.2.0/31", "192.0.2.2", false), ("0.0.0.0/0", "203.0.113.9", true),
        ("2001:db8::/33", "2001:db8:7fff::1", true), ("2001:db8::/33", "2001:db8:8000::1", false),
        ("10.0.0.0/8", "::ffff:10.1.1.1", true), ("::/0", "10.0.0.1", false), ("10.0.0.0/8", "host", false),
    ])
    func `a range holds the addresses that begin as it does`(range: String, host: String, isIn: Bool) {
        #expect(AddressRange(argument: range)?.contains(host) == isIn)
    }

    @Test(arguments: ["", "/8", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/", "10.0.0/8", "::/129", "a/8", "10.0.0.0/8/8"])
    func `what is no range is refused`(text: String) {
        #expect(AddressRange(argument: text) == nil)
    }

    @Test(arguments: requests)
    func `only what a trusted proxy added is believed`(
        remote: String,
        forwarded: String?,
        forwardedFor: String?,
        client: String
    ) throws {
        let chain = ProxyChain(trusted: try #require(AddressRange.list("10.0.0.0/8,127.0.0.1")))
        let found = try chain.client(remote: Endpoint(remote), forwarded: forwarded, forwardedFor: forwardedFor)
        #expect(found == Endpoint(client))
    }

    @Test func `where two headers name different clients, neither is believed`() throws {
        let chain = ProxyChain(trusted: try #require(AddressRange.list("10.0.0.0/8")))
        #expect(throws: ProxyFault()) {
            try chain.client(remote: Endpoint("10.0.0.1:5"), forwarded: "for=127.0.0.1", forwardedFor: "192.0.2.60")
        }
        let remote = Endpoint("192.0.2.1:5")
        let stranger = try chain.client(remote: remote, forwarded: "for=1.2.3.4", forwardedFor: "6.6.6.6")
        #expect(stranger == remote)
    }

    @Test func `a stranger's Forwarded says nothing, a proxy's is observed`() async throws {
        let headers: HTTPFields = [.accept: "*/*", try #require(HTTPField.Name("Forwarded")): #"for="192.0.2.9:77""#]
        try await RunningServer.run { server in
            let answer = try await server.send(.post, "/register", headers: headers, body: #"{"id":"a"}"#)
            #expect(answer.json.flatMap { DeviceRecord($0) }?.observed?.isLoopback == true)
        }
        var configuration = Configuration()
        configuration.trustedProxies = try #require(AddressRange.list("127.0.0.1,::1"))
        try await RunningServer.run(configuration) { server in
            let answer = try await server.send(.post, "/register", headers: headers, body: #"{"id":"a"}"#)
            #expect(answer.json.flatMap { DeviceRecord($0) }?.observed == Endpoint("192.0.2.9:77"))
        }
    }
}
