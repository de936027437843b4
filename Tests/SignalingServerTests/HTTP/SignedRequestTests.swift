// SPDX-License-Identifier: Apache-2.0

import Crypto
import Foundation
import HTTPTypes
import HummingbirdTesting
import MeshCore
import NIOCore
import Testing
import signaling_server

@Suite struct SignedRequestTests {
    private let key = P256.Signing.PrivateKey()
    private var id: RecordID { RecordID(DeviceID(of: key.publicKey)) }

    @Test(arguments: [Enrollment.open, .keys])
    func `a device that signs comes, stays and leaves`(enrollment: Enrollment) async throws {
        var configuration = Configuration()
        configuration.enrollment = enrollment
        try await RunningServer.run(configuration) { server in
            let secret = try await server.registry.makeKey(isReusable: false, tag: nil, life: 60).secret.text
            let record = try await server.enroll(key, with: secret).record()
            #expect(record.verified)
            #expect(record.id == id)
            #expect(try await server.perform(server.signed(.heartbeat(id), by: key)).record().id == id)
            #expect(try await server.perform(server.signed(.device(id), by: key)).record() == record)
            #expect(try await server.perform(server.signed(.devices(), by: key)).page()?.records == [record])
            try await server.perform(server.signed(.deregister(id), by: key)).check()
            #expect(try await server.perform(server.signed(.device(id), by: key)).cause == "no-such-device")
        }
    }

    @Test func `nobody else can speak for it`() async throws {
        try await RunningServer.run { server in
            _ = try await server.perform(server.signed(.register(Registration(id: id)), by: key)).record()
            let other = P256.Signing.PrivateKey()
            for request in [SignalingRequest.register(Registration(id: id)), .heartbeat(id), .deregister(id)] {
                #expect(try await server.perform(request).cause == "unsigned")
                #expect(try await server.perform(server.signed(request, by: other)).cause == "other-key")
            }
            let unproven = try #require(RecordID("laptop"))
            let request = try server.signed(.register(Registration(id: unproven)), by: key)
            #expect(try await server.perform(request).cause == "other-key")
        }
    }

    @Test func `a request counts once, in its time, for this server`() async throws {
        try await RunningServer.run { server in
            let request = SignalingRequest.register(Registration(id: id))
            let signed = try server.signed(request, by: key)
            _ = try await server.perform(signed).record()
            #expect(try await server.perform(signed).cause == "signature-replayed")
            let late = try server.signed(request, by: key)
            server.clock.advance(by: .seconds(31))
            #expect(try await server.perform(late).cause == "signature-expired")
            let now = server.clock.now.date
            let early = try request.signed(by: key, authority: server.authority, at: now + 32, nonce: "a")
            #expect(try await server.perform(early).cause == "signature-from-the-future")
            let elsewhere = try request.signed(by: key, authority: "other:8080", at: now, nonce: "b")
            #expect(try await server.perform(elsewhere).cause == "signature-wrong")
            let old = try request.signed(by: key, authority: server.authority, at: now - 40, nonce: "c")
            #expect(try await server.perform(old).cause == "signature-expired")
        }
    }

    @Test func `where devices are enrolled, who doesn't sign stays outside and is told why`() async throws {
        var configuration = Configuration()
        configuration.enrollment = .keys
        try await RunningServer.run(configuration) { server in
            let laptop = try #require(RecordID("laptop"))
            let answer = try await server.perform(.register(Registration(id: laptop)))
            #expect(try answer.cause == "unproven")
            #expect(try await server.send(.get, "/register?id=laptop", headers: [:]).status == .forbidden)
            #expect(server.registry.page(filter: DeviceFilter(), after: nil, limit: 9).records.isEmpty)
        }
    }
}
