// SPDX-License-Identifier: Apache-2.0

import HTTPTypes
import Hummingbird
import HummingbirdTesting
import MeshCore
import NIOCore
import Testing
import signaling_server

@Suite struct SignalingInterfaceTests {
    @Test func `a device registers, stays, is found and leaves`() async throws {
        try await RunningServer.run { server in
            let created = try await server.send(.post, "/register", body: #"{"id":"a","port":9000}"#)
            #expect(created.status == .created)
            #expect(created.headers[.location] == "/devices/a")
            #expect(created.headers[.contentType] == "application/json")
            let record = try #require(created.json.flatMap { DeviceRecord($0) })
            #expect(record.observed?.host == "127.0.0.1" || record.observed?.host == "::1")
            #expect(record.registration.ttl == .seconds(60))

            server.clock.advance(by: .seconds(50))
            #expect(try await server.send(.post, "/register", body: #"{"id":"a","port":9001}"#).status == .ok)
            server.clock.advance(by: .seconds(50))
            #expect(try await server.send(.post, "/devices/a/heartbeat").status == .ok)
            server.clock.advance(by: .seconds(50))
            let found = try await server.send(.get, "/devices/a")
            #expect(found.json.flatMap { DeviceRecord($0) }?.registration.port == 9001)

            #expect(try await server.send(.delete, "/devices/a").status == .noContent)
            #expect(try await server.send(.delete, "/devices/a").cause == "no-such-device")
            #expect(try await server.send(.get, "/devices/a").status == .notFound)
            #expect(try await server.send(.post, "/devices/a/heartbeat").status == .notFound)
            #expect(try await server.send(.get, "/devices").text == "[]\n")
        }
    }

    @Test func `a heartbeat tells of sessions, which others see until the next that does`() async throws {
        try await RunningServer.run { server in
            _ = try await server.send(.post, "/register", body: #"{"id":"a"}"#)
            let other = "00000000-0000-8000-8000-000000000000"
            let body = #"{"sessions":{"\#(other)":"relayed"}}"#
            #expect(try await server.send(.post, "/devices/a/heartbeat", body: body).status == .ok)
            for body in [nil, "{}"] {
                _ = try await server.send(.post, "/devices/a/heartbeat", body: body)
                let record = try await server.perform(.device(#require(RecordID("a")))).record()
                #expect(record.sessions == [try #require(DeviceID(other)): .relayed])
            }
            _ = try await server.send(.post, "/devices/a/heartbeat", body: #"{"sessions":{}}"#)
            #expect(try await server.perform(.device(#require(RecordID("a")))).record().sessions.isEmpty)
        }
    }

    @Test func `the page and the description are carried inside, and may do nothing else`() async throws {
        try await RunningServer.run { server in
            for (target, type) in [
                ("/", "text/html"), ("/page.css", "text/css"), ("/page.js", "text/javascript"),
                ("/openapi.json", "application/json"),
            ] {
                let answer = try await server.send(.get, target)
                #expect(answer.status == .ok)
                #expect(answer.headers[.contentType]?.hasPrefix(type) == true)
                #expect(
                    answer.headers[.contentSecurityPolicy]?.hasPrefix("default-src 'none'; script-src 'self'") == true
                )
            }
            #expect(try await server.send(.get, "/openapi.json").json != nil)
            #expect(try await server.send(.get, "/readyz").status == .ok)
        }
    }

    @Test func `who gives no sign of life is gone`() async throws {
        try await RunningServer.run { server in
            _ = try await server.send(.post, "/register", body: #"{"id":"a","ttl":5}"#)
            server.clock.advance(by: .seconds(5))
            #expect(try await server.send(.get, "/devices/a").cause == "no-such-device")
            #expect(try await server.send(.get, "/devices").text == "[]\n")
        }
    }

    @Test func `a request without an Accept header gets the lines of the earlier server`() async throws {
        try await RunningServer.run { server in
            #expect(try await server.send(.get, "/devices", headers: [:]).text == "")
            let registered = try await server.send(.get, "/register?id=Device1", headers: [:])
            #expect(registered.status == .ok)
            #expect(registered.headers[.contentType] == "text/plain; charset=utf-8")
            #expect(registered.text.wholeMatch(of: /Registered device Device1 with IP \S+:\d+\n/) != nil)
            _ = try await server.send(.post, "/register", body: #"{"id":"b","ip":"192.0.2.1","port":9000}"#)
            _ = try await server.send(.post, "/register", body: #"{"id":"c","addresses":["host.example:1"]}"#)
            let list = try await server.send(.get, "/devices", headers: [:]).text
            #expect(list.hasSuffix("Device b: 192.0.2.1:9000\nDevice c: host.example:1\n"))
            #expect(list.wholeMatch(of: /(Device \w+: \S+:\d+\n){3}/) != nil)
            let missing = try await server.send(.get, "/nope", headers: [:])
            #expect(missing.status == .notFound)
            #expect(missing.headers[.contentType] == "text/plain; charset=utf-8")
        }
    }

    @Test func `an unchanged list is not sent again, whatever heartbeats came`() async throws {
        try await RunningServer.run { server in
            _ = try await server.send(.post, "/register", body: #"{"id":"a"}"#)
            let tag = try #require(try await server.send(.get, "/devices").headers[.eTag])
            _ = try await server.send(.post, "/devices/a/heartbeat")
            let headers: HTTPFields = [.accept: "*/*", .ifNoneMatch: "\"other\", \(tag)"]
            let unchanged = try await server.send(.get, "/devices", headers: headers)
            #expect(unchanged.status == .notModified)
            #expect(unchanged.text == "")
            #expect(unchanged.headers[.eTag] == tag)
            _ = try await server.send(.post, "/register", body: #"{"id":"b"}"#)
            #expect(try await server.send(.get, "/devices", headers: headers).status == .ok)
            // The earlier agent knows nothing of it.
            #expect(try await server.send(.get, "/devices", headers: [.ifNoneMatch: "*"]).status == .ok)
        }
    }

    @Test func `a client follows the pages to the end`() async throws {
        try await RunningServer.run { server in
            for number in 0..<5 {
                let role = number == 0 ? "other" : "a b&c"
                _ = try await server.send(
                    .post,
                    "/register",
                    body: #"{"id":"d\#(number)","metadata":{"the role":"\#(role)"}}"#
                )
            }
            var target: String? = "/devices?limit=2&metadata.the+role=a%20b%26c"
            var pages: [[String]] = []
            while let next = target {
                let page = try #require(try await server.perform(.devices(at: next)).page())
                pages.append(page.records.map(\.id.description))
                target = page.next
            }
            #expect(pages == [["d1", "d2"], ["d3", "d4"]])
            for query in ["limit=0", "limit=1001", "limit=x", "after=a%2Fb", "colour=red"] {
                #expect(try await server.send(.get, "/devices?\(query)").cause == "bad-query")
            }
        }
    }

    @Test(arguments: [
        ("{", "bad-body"), ("[]", "bad-body"), ("", "bad-body"),
        (#"{"id":"a","port":70000}"#, "bad-field"), (#"{"id":"a\nDevice evil: 1.2.3.4:5"}"#, "bad-field"),
        (#"{"port":1}"#, "bad-field"), (String(repeating: "[", count: 65_000), "bad-body"),
        (String(repeating: " ", count: 65_537), "too-long"), (String(repeating: "x", count: 10_000_000), "too-long"),
    ])
    func `a bad body is refused with a problem, and the server lives`(body: String, cause: String) async throws {
        try await RunningServer.run { server in
            let refused = try await server.send(.post, "/register", body: body)
            #expect(refused.cause == cause)
            #expect(try await server.send(.get, "/healthz").json == .object(["status": .string("ok")]))
        }
    }

    @Test func `other bytes than UTF-8 and other types than JSON are refused`() async throws {
        try await RunningServer.run { server in
            let bytes = ByteBuffer(bytes: Array(#"{"id":""#.utf8) + [0xFF, 0xFE] + Array(#""}"#.utf8))
            let headers: HTTPFields = [.accept: "*/*", .contentType: "application/json"]
            let response = try await server.send(.post, "/register", headers: headers, bytes: bytes)
            #expect(response.cause == "bad-body")
            for type in ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=json"] {
                let headers: HTTPFields = [.accept: "*/*", .contentType: type]
                let refused = try await server.send(.post, "/register", headers: headers, body: #"{"id":"a"}"#)
                #expect(refused.cause == "media-type")
            }
            let spelled: HTTPFields = [.accept: "*/*", .contentType: "Application/JSON; charset=utf-8"]
            #expect(
                try await server.send(.post, "/register", headers: spelled, body: #"{"id":"a"}"#).status == .created
            )
        }
    }

    @Test func `a flood of headers is refused, and the server lives`() async throws {
        try await RunningServer.run { server in
            var many: HTTPFields = [.accept: "*/*"]
            for number in 0..<100 { many[try #require(HTTPField.Name("X-\(number)"))] = "a" }
            let long: HTTPFields = [.accept: "*/*", .cookie: String(repeating: "a", count: 9_000)]
            for headers in [many, long] {
                #expect(try await server.send(.get, "/devices", headers: headers).status == .badRequest)
            }
            #expect(try await server.send(.get, "/healthz").status == .ok)
        }
    }

    @Test func `paths and methods that are none are refused with a problem`() async throws {
        try await RunningServer.run { server in
            for target in [
                "/nope", "/devices/", "/devices/a/b", "/devices/..", "/devices/a%2Fb", "/devices/%0a", "//devices",
            ] {
                #expect(try await server.send(.get, target).cause == "no-such-path", "\(target)")
            }
            for target in ["/devices/%", "/devices/%f", "/devices?name=%ff", "/%zz"] {
                #expect(try await server.send(.get, target).cause == "bad-target", "\(target)")
            }
            #expect(try await server.send(.get, "/register?id=a%0aDevice+evil:1.2.3.4:5").cause == "bad-field")
            let refused = try await server.send(.put, "/devices/a")
            #expect(refused.cause == "method")
            #expect(refused.headers[.allow] == "DELETE, GET")
            #expect(try await server.send(.get, "/register").headers[.allow] == "POST")
            let head = try await server.send(.head, "/devices")
            #expect(head.status == .ok)
            #expect(head.text == "")
            #expect(head.headers[.contentLength] == "3")
        }
    }

    @Test func `a page of another origin changes nothing`() async throws {
        try await RunningServer.run { server in
            for (name, value) in [
                ("Origin", "http://evil.example"), ("Origin", "null"), ("Sec-Fetch-Site", "cross-site"),
                ("Sec-Fetch-Site", "same-site"),
            ] {
                let field = try #require(HTTPField.Name(name))
                let headers: HTTPFields = [.accept: "*/*", field: value]
                for (method, target) in [
                    (HTTPRequest.Method.post, "/register"), (.get, "/register?id=a"), (.delete, "/devices/a"),
                    (.post, "/devices/a/heartbeat"),
                ] {
                    let response = try await server.send(method, target, headers: headers, body: #"{"id":"a"}"#)
                    #expect(response.cause == "other-origin")
                }
            }
            let own: HTTPFields = [.accept: "*/*", .origin: "http://\(server.authority)"]
            #expect(try await server.send(.post, "/register", headers: own, body: #"{"id":"a"}"#).status == .created)
        }
    }

    @Test func `what can't be kept is not acknowledged, and the server goes on`() async throws {
        let store = FailingStore()
        try await RunningServer.run(store: store) { server in
            store.fault = StoreFault(.full, "full")
            let refused = try await server.send(.post, "/register", body: #"{"id":"a"}"#)
            #expect(refused.cause == "store-full")
            #expect(refused.status.code == 507)
            store.fault = StoreFault(.broken, "broken")
            #expect(try await server.send(.post, "/register", body: #"{"id":"a"}"#).status == .serviceUnavailable)
            #expect(try await server.send(.get, "/healthz").status == .ok)
            store.fault = nil
            #expect(try await server.send(.post, "/register", body: #"{"id":"b"}"#).status == .created)
            // What was refused is there until its time to live is over, and so it is kept together with the next.
            #expect(store.kept.keys.map(\.description).sorted() == ["a", "b"])
        }
    }
}
