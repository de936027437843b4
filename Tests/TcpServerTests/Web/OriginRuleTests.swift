// SPDX-License-Identifier: Apache-2.0

import NIOHTTP1
import Testing

@testable import tcp_server

@Suite struct OriginRuleTests {
    @Test func `who sends no origin is no browser, and may`() {
        #expect(OriginRule(isLoopback: true).permits(["Host": "relay.example.org"]))
    }

    @Test(arguments: [
        ("http://127.0.0.1:8081", "127.0.0.1:8081"), ("https://[::1]:8081", "[::1]:8081"),
        ("http://localhost:8081", "LOCALHOST:8081"), ("https://localhost", "localhost"),
    ])
    func `the relay's own page may`(origin: String, host: String) {
        #expect(OriginRule(isLoopback: true).permits(["Origin": origin, "Host": host]))
        #expect(OriginRule(isLoopback: false).permits(["Origin": origin, "Host": host]))
    }

    @Test(arguments: [
        ("http://127.0.0.1:8080", "127.0.0.1:8081"), ("https://evil.example", "127.0.0.1:8081"), ("null", "null"),
        ("http://localhost", "localhost:80"), ("ws://127.0.0.1:1", "127.0.0.1:1"), ("", ""), ("http://", ""),
        ("http://127.0.0.1:8081/", "127.0.0.1:8081/"), ("http://a@127.0.0.1:1", "a@127.0.0.1:1"),
        ("http://127.0.0.1:8081.evil.example", "127.0.0.1:8081"),
    ])
    func `a page of somebody else may not`(origin: String, host: String) {
        #expect(!OriginRule(isLoopback: true).permits(["Origin": origin, "Host": host]))
        #expect(!OriginRule(isLoopback: false).permits(["Origin": origin, "Host": host]))
    }

    @Test func `on loopback a name is not the relay's own, as anybody's can point there`() {
        let headers: HTTPHeaders = ["Origin": "http://rebound.example:8081", "Host": "rebound.example:8081"]
        #expect(!OriginRule(isLoopback: true).permits(headers))
        #expect(OriginRule(isLoopback: false).permits(headers))
        #expect(OriginRule(allowed: ["http://rebound.example:8081"], isLoopback: true).permits(headers))
    }

    @Test func `other sites may that were allowed by name`() throws {
        let origins = try #require(OriginRule.origins(in: "https://Chat.example.org, http://10.0.0.1:8000"))
        let rule = OriginRule(allowed: origins, isLoopback: false)
        #expect(rule.permits(["Origin": "https://chat.example.org", "Host": "relay:8081"]))
        #expect(rule.permits(["Origin": "http://10.0.0.1:8000", "Host": "relay:8081"]))
        #expect(!rule.permits(["Origin": "http://chat.example.org", "Host": "relay:8081"]))
        #expect(!rule.permits(["Origin": "https://chat.example.org:8443", "Host": "relay:8081"]))
    }

    @Test func `two origins, or two hosts, are none`() {
        let rule = OriginRule(isLoopback: false)
        let origin = ("Origin", "http://relay:8081")
        let host = ("Host", "relay:8081")
        #expect(rule.permits(HTTPHeaders([origin, host])))
        #expect(!rule.permits(HTTPHeaders([origin, origin, host])))
        #expect(!rule.permits(HTTPHeaders([origin, host, host])))
        #expect(!rule.permits(HTTPHeaders([origin])))
    }

    @Test(arguments: ["chat.example.org", "https://", "https://chat.example.org/", "*", "null", "https://a,b"])
    func `what is no list of origins is refused`(list: String) {
        #expect(OriginRule.origins(in: list) == nil)
    }

    @Test func `no list allows nobody else`() {
        #expect(OriginRule.origins(in: "") == [])
    }
}
