// SPDX-License-Identifier: Apache-2.0

import Foundation
import Logging
import MeshAdmin
import MeshCore
import NIOCore
import NIOEmbedded
import NIOHTTP1
import Testing

@testable import signaling_server

@Suite struct ShortcutHandlerTests {
    private let clock = ManualClock()

    @Test func `a list that is at hand is answered at once, and nothing of the request goes further`() async throws {
        let registry = try await open()
        let known = registry.encodedPage(.whole)
        let connection = connection(to: registry)
        try connection.ask()
        let head = try #require(try connection.answeredHead())
        #expect(head.status == .ok)
        #expect(head.headers["ETag"] == [known.tag])
        #expect(head.headers["Content-Length"] == ["\(known.body.readableBytes)"])
        #expect(head.headers["Date"].first?.hasSuffix(" GMT") == true)
        #expect(try connection.channel.readOutbound(as: HTTPServerResponsePart.self) == .body(.byteBuffer(known.body)))
        #expect(try connection.channel.readOutbound(as: HTTPServerResponsePart.self) == .end(nil))
        #expect(try connection.passedOn() == 0)
    }

    @Test func `who has the list already is told so, whether it is at hand or not`() async throws {
        let registry = try await open()
        let connection = connection(to: registry)
        let tag = registry.currentTag()
        for tags in [tag, "\"other\", \(tag)", "*"] {
            try connection.ask([("If-None-Match", tags)])
            #expect(try connection.answeredHead()?.status == .notModified)
            #expect(try connection.channel.readOutbound(as: HTTPServerResponsePart.self) == .end(nil))
        }
        try connection.ask([("If-None-Match", "\"other\"")])
        #expect(try connection.passedOn() == 2)
    }

    @Test(arguments: [
        [("Authorization", "Bearer a")], [("Signature", "mesh=:AAAA:")], [("Signature-Input", "mesh=()")],
        [("Connection", "close")], [("Content-Length", "1")], [("Transfer-Encoding", "chunked")],
        [("Expect", "100-continue")], [("Upgrade", "h2c")], [("Host", "127.0.0.1")],
        [("If-None-Match", "\"a\""), ("If-None-Match", "\"b\"")],
    ])
    func `a request that says more than it must goes the ordinary way`(headers: [(String, String)]) async throws {
        let registry = try await open()
        _ = registry.encodedPage(.whole)
        let connection = connection(to: registry)
        try connection.ask(headers)
        #expect(try connection.passedOn() == 2)
        #expect(try connection.answeredHead() == nil)
    }

    @Test func `another request goes the ordinary way`() async throws {
        let registry = try await open()
        _ = registry.encodedPage(.whole)
        for head in [
            HTTPRequestHead(version: .http1_1, method: .HEAD, uri: "/devices", headers: ShortcutPeer.usual),
            HTTPRequestHead(version: .http1_1, method: .GET, uri: "/devices?limit=1", headers: ShortcutPeer.usual),
            HTTPRequestHead(version: .http1_1, method: .GET, uri: "/devices/", headers: ShortcutPeer.usual),
            HTTPRequestHead(version: .http1_0, method: .GET, uri: "/devices", headers: ShortcutPeer.usual),
            HTTPRequestHead(version: .http1_1, method: .GET, uri: "/devices", headers: ["Host": "localhost"]),
            HTTPRequestHead(version: .http1_1, method: .GET, uri: "/devices", headers: ["Accept": "*/*"]),
            HTTPRequestHead(
                version: .http1_1,
                method: .GET,
                uri: "/devices",
                headers: ["Host": "evil.example.org", "Accept": "*/*"]
            ),
        ] {
            let connection = connection(to: registry)
            try connection.send(head)
            #expect(try connection.passedOn() == 2, "\(head)")
            #expect(try connection.answeredHead() == nil, "\(head)")
        }
    }

    @Test func `while a request before it is under way, it waits for its turn`() async throws {
        let registry = try await open()
        _ = registry.encodedPage(.whole)
        let connection = connection(to: registry)
        let other = HTTPRequestHead(version: .http1_1, method: .GET, uri: "/healthz", headers: ShortcutPeer.usual)
        try connection.send(other)
        try connection.ask()
        #expect(try connection.passedOn() == 4)
        #expect(try connection.answeredHead() == nil)
        try connection.finishAnswer()
        try connection.ask()
        #expect(try connection.passedOn() == 2)
        try connection.finishAnswer()
        try connection.finishAnswer()
        try connection.ask()
        #expect(try connection.answeredHead()?.status == .ok)
    }

    @Test func `it is never older than what happened`() async throws {
        let registry = try await open()
        _ = registry.encodedPage(.whole)
        _ = try await registry.register(Registration(id: #require(RecordID("a"))), from: .nobody)
        let connection = connection(to: registry)
        try connection.ask()
        #expect(try connection.passedOn() == 2)
        let known = registry.encodedPage(.whole)
        try connection.finishAnswer()
        try connection.ask()
        #expect(try connection.answeredHead()?.headers["ETag"] == [known.tag])
        clock.advance(by: .seconds(60))
        let second = self.connection(to: registry)
        try second.ask()
        #expect(try second.passedOn() == 2)
    }

    @Test func `a heartbeat is answered at once, with a body or without`() async throws {
        let registry = try await open()
        let connection = connection(to: registry)
        for body in ["", #"{"sessions":{}}"#] {
            clock.advance(by: .seconds(1))
            try connection.beat("first", body: [body])
            #expect(try connection.passedOn() == 0)
            let head = try #require(try connection.answeredHead())
            #expect(head.status == .ok)
            guard
                case .body(.byteBuffer(let bytes))? = try connection.channel.readOutbound(
                    as: HTTPServerResponsePart.self
                )
            else {
                Issue.record("no body")
                return
            }
            #expect(head.headers["Content-Length"] == ["\(bytes.readableBytes)"])
            let record = try JSON(parsing: bytes.readableBytesView)
            #expect(DeviceRecord(record)?.lastSeen == clock.now.date)
            #expect(try connection.channel.readOutbound(as: HTTPServerResponsePart.self) == .end(nil))
        }
    }

    @Test func `a heartbeat that is refused is told why, and the connection stays`() async throws {
        let registry = try await open()
        let connection = connection(to: registry)
        for (id, body, status) in [("nobody", "", 404), ("first", "{", 400), ("first", "", 200)] {
            try connection.beat(id, body: [body])
            #expect(try connection.passedOn() == 0)
            #expect(try connection.answeredHead()?.status.code == UInt(status))
            while try connection.channel.readOutbound(as: HTTPServerResponsePart.self) != nil {}
        }
    }

    @Test func `a heartbeat that does not come whole at once goes the ordinary way, whole`() async throws {
        let registry = try await open()
        let connection = connection(to: registry)
        try connection.beat("first", body: ["{", "}"])
        #expect(try connection.answeredHead() == nil)
        var parts: [HTTPServerRequestPart] = []
        while let part = try connection.channel.readInbound(as: HTTPServerRequestPart.self) { parts.append(part) }
        #expect(parts.count == 4)
        #expect(
            Array(parts.dropFirst()) == [.body(ByteBuffer(string: "{")), .body(ByteBuffer(string: "}")), .end(nil)]
        )
    }

    @Test(arguments: [
        "/devices/first/heartbeat?a=b", "/devices//heartbeat", "/devices/a/b/heartbeat", "/devices/%zz/heartbeat",
        "/devices/first/signals",
    ])
    func `what only looks like a heartbeat goes the ordinary way`(uri: String) async throws {
        let registry = try await open()
        let connection = connection(to: registry)
        try connection.send(HTTPRequestHead(version: .http1_1, method: .POST, uri: uri, headers: ShortcutPeer.usual))
        #expect(try connection.passedOn() == 2)
        #expect(try connection.answeredHead() == nil)
    }

    @Test func `where devices are enrolled, nobody is answered who proves nothing`() async throws {
        let registry = try await open(enrollment: .keys)
        _ = registry.encodedPage(.whole)
        let connection = connection(to: registry)
        try connection.ask()
        #expect(try connection.passedOn() == 2)
    }

    @Test func `an address that asks too often, or takes nothing, goes the ordinary way`() async throws {
        let registry = try await open()
        _ = registry.encodedPage(.whole)
        var bounds = Limits.Bounds()
        bounds.address = Rate(perSecond: 0.001, burst: 2)
        let connection = connection(to: registry, bounds: bounds, remote: Endpoint(host: "192.0.2.1", port: 9))
        for _ in 0..<2 {
            try connection.ask()
            #expect(try connection.answeredHead()?.status == .ok)
            while try connection.channel.readOutbound(as: HTTPServerResponsePart.self) != nil {}
        }
        try connection.ask()
        #expect(try connection.passedOn() == 2)

        let full = self.connection(to: registry)
        full.channel.isWritable = false
        try full.ask()
        #expect(try full.passedOn() == 2)
    }

    @Test func `a long list goes the ordinary way`() async throws {
        let registry = try await open()
        for number in 0..<900 {
            _ = try await registry.register(Registration(id: #require(RecordID("device-\(number)"))), from: .nobody)
        }
        #expect(registry.encodedPage(.whole).body.readableBytes > ShortcutHandler.longestAnswer)
        let connection = connection(to: registry)
        try connection.ask()
        #expect(try connection.passedOn() == 2)
    }

    @Test func `of many requests that come together few are answered before the answers are sent`() async throws {
        let registry = try await open()
        _ = registry.encodedPage(.whole)
        let connection = connection(to: registry)
        for _ in 0..<1_000 { connection.askTogether() }
        connection.channel.pipeline.fireChannelReadComplete()
        var bytes = 0
        while let part = try connection.channel.readOutbound(as: HTTPServerResponsePart.self) {
            if case .body(.byteBuffer(let body)) = part { bytes += body.readableBytes }
        }
        #expect((1...2 * ShortcutHandler.longestAnswer).contains(bytes))
        #expect(try connection.passedOn() > 0)
    }

    @Test func `the end of the input is told those behind when the answers were taken`() async throws {
        let registry = try await open()
        _ = registry.encodedPage(.whole)
        let connection = connection(to: registry)
        connection.askTogether()
        connection.channel.pipeline.fireUserInboundEventTriggered(ChannelEvent.inputClosed)
        #expect(connection.ends.count == 0)
        connection.channel.pipeline.fireChannelReadComplete()
        #expect(connection.ends.count == 1)
        connection.channel.pipeline.fireUserInboundEventTriggered(ChannelEvent.inputClosed)
        #expect(connection.ends.count == 2)
    }

    @Test func `a date is written as HTTP wants it`() throws {
        #expect(Date(timeIntervalSince1970: 784_111_777).httpText == "Sun, 06 Nov 1994 08:49:37 GMT")
        #expect(Date(timeIntervalSince1970: 1_709_164_800).httpText == "Thu, 29 Feb 2024 00:00:00 GMT")
    }

    /// A registry with one device in it.
    private func open(enrollment: Enrollment = .open) async throws -> LiveRegistry {
        let registry = try await LiveRegistry(
            Registry(enrollment: enrollment, defaultTTL: .seconds(60)),
            store: MemoryStore(),
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() },
            clock: { [clock] in clock.now }
        )
        if enrollment == .open {
            _ = try await registry.register(Registration(id: #require(RecordID("first"))), from: .nobody)
        }
        return registry
    }

    private func connection(
        to registry: LiveRegistry,
        bounds: Limits.Bounds = Limits.Bounds(),
        remote: Endpoint? = nil
    ) -> ShortcutPeer {
        let responder = SignalingResponder(
            streams: EventStreams(registry: registry, bounds: EventStreamHandler.Bounds()),
            guards: Guards(
                browsers: BrowserGuard(isLoopback: true, names: []),
                limits: Limits(bounds),
                proxies: ProxyChain(trusted: [])
            ),
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        )
        return ShortcutPeer(ShortcutHandler(responder, remote: remote))
    }
}
