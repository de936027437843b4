// SPDX-License-Identifier: Apache-2.0

import Crypto
import Foundation
import HTTPTypes
import HummingbirdTesting
import MeshCore
import NIOCore
import Testing
import signaling_server

@Suite struct SignalTests {
    private let alice = P256.Signing.PrivateKey()
    private let bob = P256.Signing.PrivateKey()

    @Test func `a signal is pushed to who listens, in order, with its proven sender`() async throws {
        try await run { server in
            var got: [ReceivedSignal] = []
            var isSent = false
            try await listen(server, bob) { events in
                if !isSent {
                    isSent = true
                    for number in 0..<5 {
                        let signal = SignalingRequest.signal(.integer(number), to: RecordID(of: bob))
                        try await server.perform(server.signed(signal, by: alice)).check()
                    }
                }
                got += events.compactMap { ReceivedSignal($0) }
                return got.count == 5
            }
            #expect(got.map(\.content) == (0..<5).map { .integer($0) })
            #expect(got.allSatisfy { $0.sender == DeviceID(of: alice.publicKey) })
        }
    }

    @Test func `what came while nobody listened waits for half a minute`() async throws {
        try await run { server in
            for number in 0..<2 {
                try await signal(server, .integer(number)).check()
                server.clock.advance(by: .seconds(20))
            }
            let events = try await listen(server, bob, count: 1)
            #expect(events.compactMap { ReceivedSignal($0)?.content } == [.integer(1)])
        }
    }

    @Test func `who comes back gets what it missed, or is told that something may be missing`() async throws {
        try await run { server in
            for number in 0..<3 { try await signal(server, .integer(number)).check() }
            let first = try await listen(server, bob, count: 2)
            let second = try await listen(server, bob, count: 1, after: first[1].id)
            #expect(second.compactMap { ReceivedSignal($0)?.content } == [.integer(2)])
            let third = try await listen(server, bob, count: 4, after: "other-1")
            #expect(third.map(\.name) == ["resync", "signal", "signal", "signal"])
        }
    }

    @Test func `sixty-four wait for who doesn't listen, and the next is refused`() async throws {
        try await run { server in
            for number in 0..<64 { try await signal(server, .integer(number)).check() }
            #expect(try await signal(server, .integer(64)).cause == "mailbox-full")
            server.clock.advance(by: .seconds(31))
            try await signal(server, .integer(65)).check()
        }
    }

    @Test func `what a reader was given no longer waits, also when it has left`() async throws {
        try await run { server in
            for number in 0..<64 { try await signal(server, .integer(number)).check() }
            let first = try await listen(server, bob, count: 64)
            try await signal(server, .integer(64)).check()
            let next = try await listen(server, bob, count: 1, after: first.last?.id)
            #expect(next.compactMap { ReceivedSignal($0)?.content } == [.integer(64)])
        }
    }

    @Test func `a signal is from a device that is here to one that can prove itself`() async throws {
        try await run { server in
            let request = SignalingRequest.signal(.null, to: RecordID(of: bob))
            #expect(try await server.perform(request).cause == "unsigned")
            let stranger = P256.Signing.PrivateKey()
            #expect(try await server.perform(server.signed(request, by: stranger)).cause == "unsigned")
            let nobody = SignalingRequest.signal(.null, to: RecordID(of: stranger))
            #expect(try await server.perform(server.signed(nobody, by: alice)).cause == "no-such-device")
            _ = try await server.send(.post, "/register", body: #"{"id":"laptop"}"#)
            let unproven = SignalingRequest.signal(.null, to: try #require(RecordID("laptop")))
            #expect(try await server.perform(server.signed(unproven, by: alice)).cause == "no-mailbox")
        }
    }

    @Test func `a mailbox is its device's alone`() async throws {
        try await run { server in
            let request = SignalingRequest.signals(to: RecordID(of: bob))
            let unsigned = try await server.perform(request)
            #expect(try unsigned.cause == "other-mailbox")
            let foreign = try await server.perform(server.signed(request, by: alice))
            #expect(try foreign.cause == "other-mailbox")
            let stranger = P256.Signing.PrivateKey()
            let own = SignalingRequest.signals(to: RecordID(of: stranger))
            let unregistered = try await server.perform(server.signed(own, by: stranger))
            #expect(try unregistered.cause == "no-such-device")
        }
    }

    @Test func `a signal has at most four kibibytes, of JSON`() async throws {
        try await run { server in
            let text = String(repeating: "x", count: ReceivedSignal.largest - 2)
            try await signal(server, .string(text)).check()
            #expect(try await signal(server, .string(text + "x")).cause == "too-long")
            let answer = try await server.send(.post, "/devices/\(RecordID(of: bob))/signals", body: "{")
            #expect(answer.cause == "bad-body" || answer.cause == "unsigned")
        }
    }

    private func run(_ body: @Sendable @escaping (RunningServer) async throws -> Void) async throws {
        var configuration = Configuration()
        configuration.limits.key = Rate(perSecond: 1_000, burst: 1_000)
        try await RunningServer.run(configuration) { server in
            for key in [alice, bob] { try await server.enroll(key, with: nil).check() }
            try await body(server)
        }
    }

    private func signal(_ server: RunningServer, _ content: JSON) async throws -> SignalingAnswer {
        try await server.perform(server.signed(.signal(content, to: RecordID(of: bob)), by: alice))
    }

    private func listen(
        _ server: RunningServer,
        _ key: P256.Signing.PrivateKey,
        after last: String? = nil,
        _ body: ([ServerSentEvent]) async throws -> Bool
    ) async throws {
        let request = SignalingRequest.signals(to: RecordID(of: key), after: last)
        let signed = try server.signed(request, by: key)
        let headers = signed.headers.map { ($0.key, $0.value) }
        try await StreamReader.read(
            port: server.port,
            target: request.target,
            headers: headers,
            host: server.authority
        ) { _, events in try await body(events) }
    }

    private func listen(
        _ server: RunningServer,
        _ key: P256.Signing.PrivateKey,
        count: Int,
        after last: String? = nil
    ) async throws -> [ServerSentEvent] {
        var all: [ServerSentEvent] = []
        try await listen(server, key, after: last) { events in
            all += events
            return all.count >= count
        }
        return Array(all.prefix(count))
    }
}
