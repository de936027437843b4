// SPDX-License-Identifier: Apache-2.0

import Crypto
import Foundation
import HTTPTypes
import HummingbirdTesting
import MeshCore
import NIOCore
import TestSupport
import Testing
import signaling_server

@Suite struct LimitsTests {
    private let key = P256.Signing.PrivateKey()

    @Test func `who asks for more than its share is told when to come back`() async throws {
        var configuration = Configuration()
        configuration.limits.sparesLoopback = false
        configuration.limits.address = Rate(perSecond: 0.01, burst: 3)
        try await RunningServer.run(configuration) { server in
            for _ in 0..<3 { #expect(try await server.send(.get, "/devices").status == .ok) }
            let refused = try await server.send(.get, "/devices")
            #expect(refused.status == .tooManyRequests)
            #expect(refused.cause == "requests-of-address")
            let seconds = HTTPField.Name("Retry-After").flatMap { refused.headers[$0] }.flatMap { Int($0) }
            #expect((90...100).contains(seconds ?? 0))
        }
    }

    @Test func `a device is limited by its key, wherever it asks from`() async throws {
        var configuration = Configuration()
        configuration.limits.key = Rate(perSecond: 0.01, burst: 4)
        configuration.limits.registrationsOfKey = Rate(perSecond: 0.01, burst: 2)
        try await RunningServer.run(configuration) { server in
            for _ in 0..<2 { try await server.enroll(key, with: nil).check() }
            #expect(try await server.enroll(key, with: nil).cause == "registrations-of-key")
            let heartbeat = SignalingRequest.heartbeat(RecordID(of: key))
            try await server.perform(server.signed(heartbeat, by: key)).check()
            #expect(try await server.perform(server.signed(heartbeat, by: key)).cause == "requests-of-key")
            try await server.enroll(P256.Signing.PrivateKey(), with: nil).check()
        }
    }

    @Test func `an address has so many streams, and gets each back when it closes`() async throws {
        var configuration = Configuration()
        configuration.limits.sparesLoopback = false
        configuration.limits.streamsOfAddress = 1
        try await RunningServer.run(configuration) { server in
            try await StreamReader.read(port: server.port, target: "/devices/watch") { _, events in
                if events.isEmpty { return false }
                let refused = try await server.send(.get, "/devices/watch")
                #expect(refused.cause == "streams-of-address")
                return true
            }
            #expect(
                try await eventually {
                    var isOpen = false
                    try await StreamReader.read(port: server.port, target: "/devices/watch") { reader, _ in
                        isOpen = reader.isAnswered(200)
                        return true
                    }
                    return isOpen
                }
            )
        }
    }

    @Test(arguments: [false, true])
    func `an address has so many connections, a trusted proxy any number`(isProxy: Bool) async throws {
        var configuration = Configuration()
        configuration.limits.sparesLoopback = false
        configuration.limits.connectionsOfAddress = 1
        if isProxy { configuration.trustedProxies = [try #require(AddressRange(argument: "127.0.0.1"))] }
        try await RunningServer.run(configuration) { server in
            try await StreamReader.read(port: server.port, target: "/devices/watch") { _, events in
                if events.isEmpty { return false }
                let second = try? await server.send(.get, "/healthz")
                #expect((second?.status == .ok) == isProxy)
                return true
            }
        }
    }

    @Test func `this machine is not limited by its address`() throws {
        let limits = Limits(Limits.Bounds())
        let now = NIODeadline.uptimeNanoseconds(0)
        for _ in 0..<10_000 { try limits.requested(from: Endpoint("127.0.0.1:5"), at: now) }
        for _ in 0..<10_000 { try limits.requested(from: Endpoint("[::1]:5"), at: now) }
        #expect(throws: LimitFault.self) {
            for _ in 0..<10_000 { try limits.requested(from: Endpoint("192.0.2.1:5"), at: now) }
        }
    }

    @Test func `the addresses of one network of IPv6 are one`() throws {
        var bounds = Limits.Bounds()
        bounds.connectionsOfAddress = 2
        let limits = Limits(bounds)
        let first = limits.openConnection(from: Endpoint("[2001:db8::1]:5"))
        #expect(first != nil)
        #expect(limits.openConnection(from: Endpoint("[2001:db8::2:1]:5")) != nil)
        #expect(limits.openConnection(from: Endpoint("[2001:db8:0:0:ffff::1]:5")) == nil)
        #expect(limits.openConnection(from: Endpoint("[2001:db8:0:1::1]:5")) != nil)
        limits.closeConnection(try #require(first))
        #expect(limits.openConnection(from: Endpoint("[2001:db8::1]:5")) != nil)
    }
}
