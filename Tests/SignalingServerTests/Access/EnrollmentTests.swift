// SPDX-License-Identifier: Apache-2.0

import Crypto
import Foundation
import HTTPTypes
import HummingbirdTesting
import MeshCore
import NIOCore
import Testing
import signaling_server

@Suite struct EnrollmentTests {
    private let key = P256.Signing.PrivateKey()
    private let other = P256.Signing.PrivateKey()

    @Test func `a device comes in by a key, and stays by its own`() async throws {
        let store = FailingStore()
        try await run(store: store) { server in
            let id = RecordID(of: key)
            let without = try server.signed(.register(Registration(id: id)), by: key)
            #expect(try await server.perform(without).cause == "enrollment-needed")
            let secret = try await server.registry.makeKey(isReusable: false, tag: nil, life: 60).secret.text
            #expect(try await server.enroll(key, with: secret).record().verified)
            #expect(!store.keptGrants.contains { $0.json.description.contains(secret) })
            #expect(store.keptGrants.contains { if case .member = $0 { true } else { false } })
            #expect(try await server.enroll(key, with: nil).cause == nil)
            try await server.perform(server.signed(.heartbeat(id), by: key)).check()
            try await server.registry.takeOut(id)
            #expect(try await server.perform(server.signed(.heartbeat(id), by: key)).cause == "enrollment-needed")
            #expect(try await server.enroll(key, with: secret).cause == "enrollment-key-used-up")
        }
    }

    @Test func `a key that is none, or no longer, is refused with the reason`() async throws {
        try await run { server in
            #expect(try await server.enroll(key, with: "mesh-enroll-0").cause == "enrollment-key-unknown")
            let used = try await server.registry.makeKey(isReusable: false, tag: nil, life: 60).secret.text
            try await server.enroll(other, with: used).check()
            #expect(try await server.enroll(key, with: used).cause == "enrollment-key-used-up")
            let revoked = try await server.registry.makeKey(isReusable: true, tag: nil, life: 60)
            _ = try await server.registry.revokeKey(revoked.key.hash.short)
            #expect(try await server.enroll(key, with: revoked.secret.text).cause == "enrollment-key-revoked")
            let expired = try await server.registry.makeKey(isReusable: true, tag: nil, life: 60).secret.text
            server.clock.advance(by: .seconds(60))
            #expect(try await server.enroll(key, with: expired).cause == "enrollment-key-expired")
            let body = #"{"id":"\#(RecordID(of: key))","enrollment_key":5}"#
            #expect(try await server.send(.post, "/register", body: body).cause == "bad-field")
        }
    }

    @Test func `a key is not used up by a registration that is refused`() async throws {
        try await run(maximum: 0) { server in
            let secret = try await server.registry.makeKey(isReusable: false, tag: nil, life: 60).secret.text
            #expect(try await server.enroll(key, with: secret).cause == "registry-full")
            #expect(server.registry.keys.first?.uses == 0)
        }
    }

    @Test func `a stream ends for who may no longer read before it is told more`() async throws {
        try await run(keepAlive: .hours(1)) { server in
            let secret = try await server.registry.makeKey(isReusable: true, tag: nil, life: 60).secret.text
            try await server.enroll(key, with: secret).check()
            let token = try await server.registry.makeToken(tag: nil, life: 60)
            let bearer = [("Authorization", "Bearer \(token.secret.text)")]
            let events = try await server.watched(headers: bearer) {
                _ = try await server.registry.revokeToken(token.token.hash.short)
                try await server.enroll(other, with: secret).check()
            }
            #expect(events.last?.data == #"{"reason":"revoked"}"#)
            #expect(!events.contains { $0.name == "joined" })

            let mailbox = try server.signed(.signals(to: RecordID(of: key)), by: key)
            let ended = try await server.watched(mailbox.target, headers: mailbox.headers.map { ($0.key, $0.value) }) {
                try await server.registry.takeOut(RecordID(of: key))
            }
            #expect(ended.map(\.data) == [#"{"reason":"revoked"}"#])
        }
    }

    @Test func `what a device reports tells those who see it of nobody else`() async throws {
        try await run { server in
            let home = try #require(DeviceTag("home"))
            let tagged = try await server.registry.makeKey(isReusable: true, tag: home, life: 60).secret.text
            let plain = try await server.registry.makeKey(isReusable: false, tag: nil, life: 60).secret.text
            let (stranger, away) = (P256.Signing.PrivateKey(), P256.Signing.PrivateKey())
            for (device, secret) in [(key, tagged), (other, tagged), (stranger, plain)] {
                try await server.enroll(device, with: secret).check()
            }
            let sessions = Dictionary(
                uniqueKeysWithValues: [other, stranger, away].map { (DeviceID(of: $0.publicKey), SessionPath.direct) }
            )
            let report = SignalingRequest.heartbeat(RecordID(of: key), sessions: SessionReport(sessions))
            let seen = try await server.perform(server.signed(report, by: key)).record().sessions
            #expect(Set(seen.keys) == Set([other, away].map { DeviceID(of: $0.publicKey) }))
        }
    }

    @Test func `only enrolled devices and who has a token read`() async throws {
        try await run { server in
            for target in ["/devices", "/devices/a", "/devices/watch"] {
                let refused = try await server.send(.get, target)
                #expect(refused.cause == "anonymous")
                #expect(refused.headers[.wwwAuthenticate] == "Bearer")
            }
            #expect(try await server.perform(server.signed(.devices(), by: key)).cause == "anonymous")
            let secret = try await server.registry.makeKey(isReusable: false, tag: nil, life: 60).secret.text
            try await server.enroll(key, with: secret).check()
            #expect(try await server.perform(server.signed(.devices(), by: key)).page()?.records.count == 1)
            let token = try await server.registry.makeToken(tag: nil, life: 60)
            #expect(try await server.read("/devices", token: token.secret.text).status == .ok)
            for wrong in ["", "x", secret] {
                #expect(try await server.read("/devices", token: wrong).cause == "bad-token")
            }
            _ = try await server.registry.revokeToken(token.token.hash.short)
            #expect(try await server.read("/devices", token: token.secret.text).cause == "bad-token")
        }
    }

    @Test func `who has a tag sees those of it alone`() async throws {
        try await run { server in
            let home = try #require(DeviceTag("home"))
            let tagged = try await server.registry.makeKey(isReusable: false, tag: home, life: 60).secret.text
            let plain = try await server.registry.makeKey(isReusable: false, tag: nil, life: 60).secret.text
            let record = try await server.enroll(key, with: tagged).record()
            #expect(record.tag == home)
            try await server.enroll(other, with: plain).check()
            let seen = try await server.perform(server.signed(.devices(), by: key)).page()?.records
            #expect(seen == [record])
            let all = try await server.perform(server.signed(.devices(), by: other)).page()?.records
            #expect(all?.count == 2)
            let request = SignalingRequest.device(RecordID(of: other))
            #expect(try await server.perform(server.signed(request, by: key)).cause == "no-such-device")
            let signal = SignalingRequest.signal(.null, to: RecordID(of: other))
            #expect(try await server.perform(server.signed(signal, by: key)).cause == "no-such-device")
            let token = try await server.registry.makeToken(tag: home, life: 60).secret.text
            #expect(try await server.read("/devices", token: token).json == .array([record.json]))

            var watched = WatchedDevices()
            let headers = [("Authorization", "Bearer \(token)")]
            try await StreamReader.read(port: server.port, target: "/devices/watch", headers: headers) { _, events in
                for event in events {
                    _ = watched.received(event)
                    if event.name == "synced" {
                        try await server.registry.takeOut(RecordID(of: other))
                        try await server.registry.takeOut(RecordID(of: key))
                    }
                }
                return watched.isComplete && watched.records.isEmpty
            }
            #expect(watched.lastEventID?.hasSuffix("-4") == true)
        }
    }

    private func run(
        store: any RegistryStore = MemoryStore(),
        maximum: Int = 100,
        keepAlive: TimeAmount = .milliseconds(20),
        _ body: @Sendable @escaping (RunningServer) async throws -> Void
    ) async throws {
        var configuration = Configuration()
        configuration.enrollment = .keys
        configuration.streams.keepAlive = keepAlive
        try await RunningServer.run(configuration, store: store, maximum: maximum, body)
    }
}

extension RecordID {
    init(of key: P256.Signing.PrivateKey) { self.init(DeviceID(of: key.publicKey)) }
}

extension RunningServer {
    /// Registers the device that has a key, with a secret to come in by.
    func enroll(_ key: P256.Signing.PrivateKey, with secret: String?) async throws -> SignalingAnswer {
        let registration = Registration(id: RecordID(of: key))
        return try await perform(signed(.register(registration, enrollmentKey: secret), by: key))
    }

    /// What a stream tells until it ends, when something happens that it is open for.
    fileprivate func watched(
        _ target: String = "/devices/watch",
        headers: [(String, String)],
        _ happens: () async throws -> Void
    ) async throws -> [ServerSentEvent] {
        var all: [ServerSentEvent] = []
        var hasHappened = false
        try await StreamReader.read(port: port, target: target, headers: headers, host: authority) { _, events in
            all += events
            if !hasHappened, target != "/devices/watch" || events.contains(where: { $0.name == "synced" }) {
                hasHappened = true
                try await happens()
            }
            return all.last?.name == "bye"
        }
        return all
    }

    fileprivate func read(_ target: String, token: String) async throws -> TestResponse {
        try await send(.get, target, headers: [.accept: "*/*", .authorization: "Bearer \(token)"])
    }
}

extension SignalingAnswer {
    /// Why the request was refused; nil where it was granted.
    var cause: String? {
        get throws {
            do {
                try check()
                return nil
            } catch SignalingFault.refused(let problem, _) {
                return problem.cause
            }
        }
    }
}
