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

    @Test(arguments: [Enrollment.open, .closed])
    func `a device that signs comes, stays and leaves`(enrollment: Enrollment) async throws {
        var configuration = Configuration()
        configuration.enrollment = enrollment
        try await RunningServer.run(configuration) { server in
            let record = try await server.perform(server.signed(.register(Registration(id: id)), by: key)).record()
            #expect(record.verified)
            #expect(record.id == id)
            #expect(try await server.perform(server.signed(.heartbeat(id), by: key)).record().id == id)
            #expect(try await server.perform(.device(id)).record() == record)
            #expect(try await server.perform(.devices()).page()?.records == [record])
            try await server.perform(server.signed(.deregister(id), by: key)).check()
            #expect(try await cause(of: server.perform(.device(id))) == "no-such-device")
        }
    }

    @Test func `nobody else can speak for it`() async throws {
        try await RunningServer.run { server in
            _ = try await server.perform(server.signed(.register(Registration(id: id)), by: key)).record()
            let other = P256.Signing.PrivateKey()
            for request in [SignalingRequest.register(Registration(id: id)), .heartbeat(id), .deregister(id)] {
                #expect(try await cause(of: server.perform(request)) == "unsigned")
                #expect(try await cause(of: server.perform(server.signed(request, by: other))) == "other-key")
            }
            let unproven = try #require(RecordID("laptop"))
            let request = try server.signed(.register(Registration(id: unproven)), by: key)
            #expect(try await cause(of: server.perform(request)) == "other-key")
        }
    }

    @Test func `a request counts once, in its time, for this server`() async throws {
        try await RunningServer.run { server in
            let request = SignalingRequest.register(Registration(id: id))
            let signed = try server.signed(request, by: key)
            _ = try await server.perform(signed).record()
            #expect(try await cause(of: server.perform(signed)) == "signature-replayed")
            let late = try server.signed(request, by: key)
            server.clock.advance(by: .seconds(31))
            #expect(try await cause(of: server.perform(late)) == "signature-expired")
            let now = server.clock.now.date
            let early = try request.signed(by: key, authority: server.authority, at: now + 32, nonce: "a")
            #expect(try await cause(of: server.perform(early)) == "signature-from-the-future")
            let elsewhere = try request.signed(by: key, authority: "other:8080", at: now, nonce: "b")
            #expect(try await cause(of: server.perform(elsewhere)) == "signature-wrong")
            let old = try request.signed(by: key, authority: server.authority, at: now - 40, nonce: "c")
            #expect(try await cause(of: server.perform(old)) == "signature-expired")
        }
    }

    @Test func `where enrolment is closed, who doesn't sign stays outside and is told why`() async throws {
        var configuration = Configuration()
        configuration.enrollment = .closed
        try await RunningServer.run(configuration) { server in
            let laptop = try #require(RecordID("laptop"))
            let answer = try await server.perform(.register(Registration(id: laptop)))
            #expect(try cause(of: answer) == "enrollment-closed")
            #expect(try await server.send(.get, "/register?id=laptop", headers: [:]).status == .forbidden)
            #expect(try await server.send(.get, "/devices").text == "[]\n")
        }
    }

    private func cause(of answer: SignalingAnswer) throws -> String? {
        do {
            try answer.check()
            return nil
        } catch SignalingFault.refused(let problem) {
            return problem.cause
        }
    }
}
