// SPDX-License-Identifier: Apache-2.0

import Crypto
import Foundation
import MeshCore
import TestSupport
import Testing

@Suite struct SignalingAnswerTests {
    private let record = """
        {"id":"a","observed":"192.0.2.1:5","registered_at":"2023-11-14T22:13:20.500Z","last_seen":"2023-11-14T22:13:20.500Z",\
        "expires_at":"2023-11-14T22:14:20.500Z","ttl":60,"verified":true}
        """

    @Test func `a record and a page are read`() throws {
        #expect(try answer(201, record).record().id.description == "a")
        let headers = ["etag": "W/\"1\"", "link": "</devices?limit=1&after=a>; rel=\"next\""]
        let page = try #require(try answer(200, "[\(record)]", headers).page())
        #expect(page.records.map(\.id.description) == ["a"])
        #expect(page.tag == "W/\"1\"")
        #expect(page.next == "/devices?limit=1&after=a")
        #expect(try answer(304, "").page() == nil)
    }

    @Test func `a record that is not understood is left out of a page`() throws {
        let page = try answer(200, "[{\"id\":\"a\\nb\"},7,\(record)]").page()
        #expect(page?.records.count == 1)
    }

    @Test func `a refusal is told in the server's words, made printable`() throws {
        let problem = Problem(status: 403, title: "Forbidden", cause: "unsigned", detail: "no\u{1B}[2J", field: "id")
        let refused = SignalingFault.refused(problem)
        #expect(throws: refused) { try answer(403, problem.json.description).check() }
        #expect(refused.description == "no\\u{1B}[2J")
        #expect(throws: SignalingFault.status(502)) { try answer(502, "<html>").page() }
    }

    @Test(arguments: ["", "{}", "[]", "7", "{\"id\":\"a\"}", "<html>"])
    func `what is no record is not taken for one`(body: String) {
        #expect(throws: SignalingFault.notUnderstood) { try answer(200, body).record() }
    }

    @Test(arguments: ["", "</devices>", "<//evil/devices>; rel=\"next\"", "<http://evil/>; rel=\"next\"", "</devices"])
    func `a link elsewhere is not followed`(link: String) throws {
        #expect(try answer(200, "[]", ["link": link]).page()?.next == nil)
    }

    @Test func `requests say what they want, and only a body has a type`() throws {
        let id = try #require(RecordID("a"))
        let register = SignalingRequest.register(Registration(id: id))
        #expect(register.headers == ["Accept": "application/json", "Content-Type": "application/json"])
        #expect((register.method, register.target, register.body) == ("POST", "/register", "{\"id\":\"a\"}"))
        #expect(SignalingRequest.heartbeat(id).target == "/devices/a/heartbeat")
        #expect(SignalingRequest.heartbeat(id).headers == ["Accept": "application/json"])
        #expect(SignalingRequest.deregister(id).method == "DELETE")
        #expect(SignalingRequest.devices(unless: "W/\"1\"").headers["If-None-Match"] == "W/\"1\"")
        #expect(SignalingRequest.device(id).target == "/devices/a")
        var generator = SeededGenerator(seed: 1)
        let nonce = SignalingRequest.nonce(using: &generator)
        #expect(nonce.count == 32)
        #expect(nonce != SignalingRequest.nonce(using: &generator))
    }

    private func answer(_ status: Int, _ body: String, _ headers: [String: String] = [:]) -> SignalingAnswer {
        SignalingAnswer(status: status, body: body.utf8) { headers[$0] }
    }
}
