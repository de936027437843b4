// SPDX-License-Identifier: Apache-2.0

import Foundation
import MeshCore
import NIOCore
import SwiftProtobuf
import TestSupport
import Testing

@testable import tcp_server

@Suite struct PublishRateTests {
    @Test func `an account that publishes too fast is told when to go on, whichever client it uses`() async throws {
        try await RunningRelay.run(.limited(to: PublishRate(perSecond: 1))) { relay in
            let clients = [try await relay.binary(as: "alice"), try await relay.binary(as: "alice")]
            let bob = try await relay.binary(as: "bob")
            let start = ContinuousClock.now
            for client in clients { try await client.publish(20) }
            for client in clients { try await client.hears("20 answers") { $0.answers == 20 } }
            let seconds = Int((ContinuousClock.now - start).components.seconds) + 1
            let accepted = clients.flatMap(\.events).compactMap(\.accepted)
            #expect((5...5 + seconds).contains(accepted.count))
            let errors = clients.flatMap(\.events).compactMap(\.error)
            #expect(errors.allSatisfy { $0.reason == .rateLimited && (1...1_000).contains($0.retryAfterMilliseconds) })
            #expect(errors.allSatisfy { $0.explanation.hasPrefix("more than 1 messages a second; send it again in ") })
            let ids = accepted.map(\.clientMessageID) + errors.map(\.clientMessageID)
            #expect(Set(ids).count == 40)
            // Others are not concerned, and were told what was accepted and nothing else.
            try await bob.publish(3)
            try await bob.hears("3 answers") { $0.answers == 3 }
            #expect(bob.events.compactMap(\.accepted).count == 3)
            #expect(bob.events.compactMap(\.message).count == accepted.count)
        }
    }

    @Test func `who waits as long as told is accepted, and coming back does not help`() async throws {
        try await RunningRelay.run(.limited(to: PublishRate(perSecond: 2))) { relay in
            let first = try await relay.binary(as: "alice")
            try await first.publish(20)
            try await first.hears("20 answers") { $0.answers == 20 }
            await first.close()
            let second = try await relay.binary(as: "alice")
            try await second.publish(20)
            try await second.hears("20 answers") { $0.answers == 20 }
            #expect(second.events.compactMap(\.error).contains { $0.reason == .rateLimited })
            let isAccepted = try await eventually {
                let (before, accepted) = (second.answers, second.events.compactMap(\.accepted).count)
                try await second.publish(1)
                try await second.hears("an answer") { $0.answers > before }
                return second.events.compactMap(\.accepted).count > accepted
            }
            #expect(isAccepted)
        }
    }

    @Test func `a person at nc is told in words`() async throws {
        try await RunningRelay.run(.limited(to: PublishRate(perSecond: 1))) { relay in
            let alice = try await relay.lines(as: "alice")
            try await alice.send(String(repeating: "again\n", count: 20))
            try await alice.hears("Message refused: more than 1 messages a second; send it again in ")
        }
    }

    @Test func `without a rate nobody is held back`() async throws {
        try await RunningRelay.run(.limited(to: nil)) { relay in
            let alice = try await relay.binary(as: "alice")
            for _ in 0..<300 { try await alice.publish(20) }
            try await alice.hears("6000 answers") { $0.answers == 6_000 }
            #expect(alice.events.compactMap(\.error).isEmpty)
        }
    }
}

extension Relay.Place {
    fileprivate static func limited(to rate: PublishRate?) -> Relay.Place {
        var place = Relay.Place.ofTests()
        place.publishRate = rate
        return place
    }
}
