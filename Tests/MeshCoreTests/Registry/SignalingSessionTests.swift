// SPDX-License-Identifier: Apache-2.0

import Crypto
import FoundationEssentials
import MeshCore
import NIOCore
import TestSupport
import Testing

@Suite struct SignalingSessionTests {
    private let start = NIODeadline.uptimeNanoseconds(1_000_000_000_000)
    private let device = DeviceID(of: P256.Signing.PrivateKey().publicKey)

    @Test func `it registers, and then opens its streams`() {
        var session = SignalingSession(now: start)
        #expect(session.due(at: start) == [.register])
        #expect(session.due(at: start) == [])
        #expect(session.wake == nil)
        session.registered(for: .seconds(60), at: start)
        #expect(session.isRegistered)
        #expect(session.due(at: start) == [.follow(.watch, after: nil), .follow(.signals, after: nil)])
        #expect(session.wake == start + .seconds(30))
        #expect(session.due(at: start + .seconds(30)) == [.heartbeat])
    }

    @Test func `at rest it asks at most twice a minute`() {
        var session = SignalingSession(now: start)
        _ = session.due(at: start)
        session.registered(for: .seconds(60), at: start)
        _ = session.due(at: start)
        var heartbeats = 0
        var now = start
        while let wake = session.wake, wake <= start + .hours(1) {
            now = wake
            for action in session.due(at: now) {
                #expect(action == .heartbeat)
                heartbeats += 1
                session.stayed(at: now)
            }
        }
        #expect(heartbeats == 120)
    }

    @Test func `who is forgotten registers again, and its streams go on`() {
        var session = SignalingSession(now: start)
        _ = session.due(at: start)
        session.registered(for: .seconds(60), at: start)
        _ = session.due(at: start)
        _ = session.due(at: start + .seconds(30))
        session.forgotten(at: start + .seconds(30))
        #expect(session.due(at: start + .seconds(30)) == [.register])
        session.registered(for: .seconds(60), at: start + .seconds(30))
        #expect(session.due(at: start + .seconds(30)) == [])
    }

    @Test func `failures are further and further apart, each of the three for itself`() throws {
        let seed = UInt64.random(in: .min ... .max)
        var generator = SeededGenerator(seed: seed)
        var session = SignalingSession(now: start)
        var now = start
        var waits: [TimeAmount] = []
        for _ in 0..<40 {
            #expect(session.due(at: now) == [.register])
            session.failed(at: now, using: &generator)
            let wake = try #require(session.wake)
            waits.append(wake - now)
            now = wake
        }
        #expect(waits.allSatisfy { $0 >= .milliseconds(250) && $0 <= .seconds(60) }, "seed \(seed)")
        #expect(waits.suffix(30).contains { $0 > .seconds(30) }, "seed \(seed)")
        #expect(Set(waits.map(\.nanoseconds)).count > 30, "seed \(seed)")
        _ = session.due(at: now)
        session.registered(for: .seconds(60), at: now)
        _ = session.due(at: now)
        session.ended(.watch, at: now, using: &generator)
        let wake = try #require(session.wake)
        #expect(wake - now <= .milliseconds(500), "seed \(seed)")
        #expect(session.due(at: wake) == [.follow(.watch, after: nil)])
        session.ended(.signals, retryAfter: .seconds(90), at: wake, using: &generator)
        #expect(session.wake == now + .seconds(30))
    }

    @Test func `a stream goes on where it ended`() {
        var generator = SeededGenerator(seed: 1)
        var session = SignalingSession(now: start)
        _ = session.due(at: start)
        session.registered(for: .seconds(600), at: start)
        _ = session.due(at: start)
        let signal = ReceivedSignal(sender: device, sent: Date(timeIntervalSince1970: 5), content: .integer(1))
        var event = signal.event
        event.id = "r-1"
        #expect(session.received(event, on: .signals) == .signal(signal))
        #expect(session.received(ServerSentEvent(id: "w-9", name: "left", data: "{}"), on: .watch) == nil)
        for stream in SignalingSession.Stream.allCases { session.ended(stream, at: start, using: &generator) }
        #expect(
            Set(session.due(at: start + .seconds(1)).map { "\($0)" })
                == Set(
                    [SignalingSession.Action.follow(.watch, after: "w-9"), .follow(.signals, after: "r-1")].map {
                        "\($0)"
                    }
                )
        )
        #expect(session.received(ServerSentEvent(id: "", name: "resync", data: "{}"), on: .signals) == .signalsMissed)
        session.ended(.signals, at: start, using: &generator)
        #expect(session.due(at: start + .seconds(1)) == [.follow(.signals, after: nil)])
    }

    @Test func `only the streams that are wanted are opened`() {
        var session = SignalingSession(streams: [.watch], now: start)
        _ = session.due(at: start)
        session.registered(for: .seconds(60), at: start)
        #expect(session.due(at: start) == [.follow(.watch, after: nil)])
    }

    @Test func `new sessions are told of soon, many at once`() {
        var session = SignalingSession(streams: [], now: start)
        session.sessionsChanged(at: start)
        #expect(session.due(at: start) == [.register])
        session.sessionsChanged(at: start)
        session.registered(for: .seconds(60), at: start)
        #expect(session.wake == start + .seconds(1))
        _ = session.due(at: start + .seconds(1))
        session.stayed(at: start + .seconds(1))
        #expect(session.wake == start + .seconds(31))
        session.sessionsChanged(at: start + .seconds(5))
        session.sessionsChanged(at: start + .milliseconds(5_500))
        #expect(session.wake == start + .seconds(6))
    }

    @Test func `who has something new to say registers anew`() {
        var session = SignalingSession(now: start)
        _ = session.due(at: start)
        session.registered(for: .seconds(60), at: start)
        _ = session.due(at: start)
        session.reregister(at: start + .seconds(1))
        #expect(session.due(at: start + .seconds(1)) == [.register])
    }
}
