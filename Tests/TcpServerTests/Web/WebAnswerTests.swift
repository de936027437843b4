// SPDX-License-Identifier: Apache-2.0

import MeshCore
import NIOCore
import NIOHTTP1
import Testing

@testable import tcp_server

@Suite struct WebAnswerTests {
    @Test(arguments: [
        ("/", "text/html; charset=utf-8", "<title>"), ("/chat.css", "text/css; charset=utf-8", "prefers-color-scheme"),
        ("/chat.js", "text/javascript; charset=utf-8", "import "),
        ("/conversation.js", "text/javascript; charset=utf-8", "export class"),
        ("/link.js", "text/javascript; charset=utf-8", "new WebSocket"), ("/icon.svg", "image/svg+xml", "<svg"),
        ("/?from=here", "text/html; charset=utf-8", "<title>"), ("/ping", "text/plain; charset=utf-8", "pong"),
    ])
    func `the program carries the page inside it`(uri: String, type: String, words: String) {
        let answer = Self.answer(.GET, uri)
        #expect(answer.status == .ok)
        #expect(answer.headers["Content-Type"] == [type])
        #expect(String(buffer: answer.body).contains(words))
        #expect(Self.answer(.HEAD, uri) == answer)
    }

    @Test func `a browser that has it is not sent it again`() throws {
        let tag = try #require(Self.answer(.GET, "/chat.js").headers.first(name: "ETag"))
        let known = Self.answer(.GET, "/chat.js", ["If-None-Match": "\"other\", \(tag)"])
        #expect(known.status == .notModified)
        #expect(known.body.readableBytes == 0)
        #expect(known.headers["ETag"] == [tag])
        #expect(Self.answer(.GET, "/chat.css", ["If-None-Match": tag]).status == .ok)
    }

    @Test func `each answer is guarded`() {
        for answer in [Self.answer(.GET, "/"), Self.answer(.GET, "/x"), WebAnswer(to: HTTPParserError.invalidMethod)] {
            let policy = answer.headers["Content-Security-Policy"].joined()
            #expect(policy.contains("default-src 'none'"))
            #expect(policy.contains("frame-ancestors 'none'"))
            #expect(!policy.contains("unsafe"))
            #expect(answer.headers["X-Content-Type-Options"] == ["nosniff"])
            #expect(answer.headers["Referrer-Policy"] == ["no-referrer"])
            #expect(answer.headers["Cross-Origin-Opener-Policy"] == ["same-origin"])
        }
    }

    @Test func `what is not there is not found, and what may not be done not allowed`() {
        #expect(Self.answer(.GET, "/favicon.ico").status == .notFound)
        #expect(Self.answer(.POST, "/nowhere").status == .notFound)
        #expect(Self.answer(.GET, "/../etc/passwd").status == .notFound)
        #expect(Self.answer(.GET, "*").status == .notFound)
        for method in [HTTPMethod.POST, .PUT, .DELETE, .OPTIONS, .TRACE, .CONNECT] {
            #expect(Self.answer(method, "/").status == .methodNotAllowed)
            #expect(Self.answer(method, "/ws").headers["Allow"] == ["GET, HEAD"])
        }
    }

    @Test func `a WebSocket has to be asked for`() {
        let answer = Self.answer(.GET, "/ws")
        #expect(answer.status == .upgradeRequired)
        #expect(answer.headers["Upgrade"] == ["websocket"])
        #expect(answer.headers["Sec-WebSocket-Version"] == ["13"])
        #expect(Self.answer(.GET, "/ws", ["Origin": "http://127.0.0.1:8081"]).status == .upgradeRequired)
        #expect(Self.answer(.GET, "/ws", ["Origin": "https://evil.example"]).status == .forbidden)
    }

    @Test func `a request says where it goes, once`() {
        let none = HTTPRequestHead(version: .http1_1, method: .GET, uri: "/")
        #expect(WebAnswer(to: none, privacy: .mayTakePasswords, origins: .init(isLoopback: true)).status == .badRequest)
        #expect(Self.answer(.GET, "/", ["Host": "other"]).status == .badRequest)
        let old = HTTPRequestHead(version: .http1_0, method: .GET, uri: "/")
        #expect(WebAnswer(to: old, privacy: .mayTakePasswords, origins: .init(isLoopback: true)).status == .ok)
    }

    @Test func `without TLS, another machine is sent to where the page may ask for a password`() {
        func answer(_ host: String) -> WebAnswer {
            let head = HTTPRequestHead(version: .http1_1, method: .GET, uri: "/", headers: ["Host": host])
            return WebAnswer(to: head, privacy: .needsTLS, origins: .init(isLoopback: false))
        }
        #expect(answer("relay.example.org:8081").status == .temporaryRedirect)
        #expect(answer("relay.example.org:8081").headers["Location"] == ["https://relay.example.org:8081/"])
        #expect(answer("[2001:db8::1]:8081").headers["Location"] == ["https://[2001:db8::1]:8081/"])
        #expect(answer("evil.example/@relay").headers["Location"].isEmpty)
    }

    private static func answer(_ method: HTTPMethod, _ uri: String, _ more: HTTPHeaders = [:]) -> WebAnswer {
        var head = HTTPRequestHead(version: .http1_1, method: method, uri: uri, headers: ["Host": "127.0.0.1:8081"])
        head.headers.add(contentsOf: more)
        return WebAnswer(to: head, privacy: .mayTakePasswords, origins: OriginRule(isLoopback: true))
    }
}
