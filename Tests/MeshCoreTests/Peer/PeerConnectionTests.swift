// SPDX-License-Identifier: Apache-2.0

import MeshCore
import NIOCore
import SwiftProtobuf
import Testing

@Suite struct PeerConnectionTests {
    private typealias Action = PeerConnection.Action
    private let start = NIODeadline.uptimeNanoseconds(1_000_000_000)
    private let alice = PeerGreeting(name: "alice", version: "1", instance: 1)
    private let bob = PeerGreeting(name: "bob", version: "1", instance: 2)

    private func connection(_ direction: PeerDirection) -> PeerConnection {
        PeerConnection(direction: direction, greeting: alice, timing: PeerTiming())
    }

    /// A connection that alice dialed, and bob admitted.
    private func established() -> PeerConnection {
        var connection = connection(.outbound)
        _ = connection.opened(at: start)
        _ = connection.received(.greeting(bob), at: start)
        return connection
    }

    @Test func `the dialer greets at once and is established by the answer`() {
        var connection = connection(.outbound)
        #expect(connection.opened(at: start) == [.send(.greeting(alice)), .setTimer(start + .seconds(10))])
        #expect(
            connection.received(.greeting(bob), at: start) == [.greeted(bob), .setTimer(start + .seconds(5))]
        )
    }

    @Test func `the other side greets when the dialer is admitted`() {
        var connection = connection(.inbound)
        #expect(connection.opened(at: start) == [.setTimer(start + .seconds(10))])
        #expect(connection.received(.greeting(bob), at: start) == [.greeted(bob)])
        #expect(connection.admitted(at: start) == [.send(.greeting(alice)), .setTimer(start + .seconds(5))])
        #expect(connection.admitted(at: start) == [])
    }

    @Test func `who is not greeted in time gives up`() {
        for direction in [PeerDirection.inbound, .outbound] {
            var connection = connection(direction)
            _ = connection.opened(at: start)
            #expect(connection.timerFired(at: start + .seconds(9)) == [.setTimer(start + .seconds(10))])
            #expect(
                connection.timerFired(at: start + .seconds(10))
                    == [.send(.goodbye(.protocolViolation)), .close(.noGreeting)]
            )
        }
    }

    @Test func `who is not decided about in time is refused`() {
        var connection = connection(.inbound)
        _ = connection.opened(at: start)
        _ = connection.received(.greeting(bob), at: start)
        #expect(
            connection.timerFired(at: start + .seconds(10))
                == [.send(.goodbye(.notListed)), .close(.closed(.notListed))]
        )
    }

    @Test(
        arguments: [
            .text("hello", 1), .heartbeat(1), .answer(1), .acknowledgement(1), WirePeerMessage(),
        ] as [WirePeerMessage]
    )
    func `anything before the greeting is a violation`(message: WirePeerMessage) {
        for direction in [PeerDirection.inbound, .outbound] {
            var connection = connection(direction)
            _ = connection.opened(at: start)
            #expect(connection.received(message, at: start) == violated(.notGreeted))
        }
        var undecided = connection(.inbound)
        _ = undecided.opened(at: start)
        _ = undecided.received(.greeting(bob), at: start)
        #expect(undecided.received(message, at: start) == violated(.notGreeted))
    }

    @Test(
        arguments: [
            (.greeting(PeerGreeting(name: "bob", version: "1", instance: 2)), .secondGreeting),
            (.answer(1), .wrongAnswer),
        ] as [(WirePeerMessage, PeerViolation)]
    )
    func `a broken rule is named and ends the connection`(message: WirePeerMessage, violation: PeerViolation) {
        var connection = established()
        #expect(connection.received(message, at: start) == violated(violation))
        #expect(connection.received(.text("hello", 1), at: start) == [])
        #expect(connection.timerFired(at: start + .seconds(60)) == [])
    }

    @Test(
        arguments: [
            ("", .empty), ("a\nb", .controlCharacter), ("a\tb", .controlCharacter), ("a\u{7}", .controlCharacter),
            (String(repeating: "n", count: 65), .tooLong(limit: 64)),
        ] as [(String, TextFault)]
    )
    func `a name that could steer a terminal is a violation`(name: String, fault: TextFault) {
        var connection = connection(.outbound)
        _ = connection.opened(at: start)
        let greeting = PeerGreeting(name: name, version: "", instance: 1)
        #expect(connection.received(.greeting(greeting), at: start) == violated(.invalidName(fault)))
    }

    @Test func `what is neither greeting, heartbeat nor goodbye is passed on, probes to the failure detector`() {
        var connection = established()
        let messages: [WirePeerMessage] = [.text("one", 1), .acknowledgement(1)]
        #expect(connection.submitted(messages, at: start) == messages.map(Action.send))
        for message in messages {
            #expect(connection.received(message, at: start) == [.deliver(message)])
        }
        let probe = WirePeerMessage.with { $0.probe.number = 3 }
        #expect(connection.received(probe, at: start) == [.detect(.probe(probe.probe))])
        let answer = WirePeerMessage.with { $0.probeAnswer.number = 3 }
        #expect(connection.received(answer, at: start) == [.detect(.probeAnswer(answer.probeAnswer))])
    }

    @Test func `a peer that probes without an end is turned away, one that does so for a while is not`() {
        var connection = established()
        let probe = WirePeerMessage.with { $0.probe.number = 3 }
        for _ in 0..<500 { #expect(connection.received(probe, at: start) == [.detect(.probe(probe.probe))]) }
        var other = connection
        #expect(connection.received(probe, at: start) == violated(.tooManyProbes))
        #expect(other.received(probe, at: start + .seconds(1)) == [.detect(.probe(probe.probe))])
    }

    @Test func `what is asked of a connection that has ended is answered at once`() {
        var connection = established()
        _ = connection.pingRequested(token: 9, at: start)
        #expect(connection.inputClosed() == [.unanswered(9), .close(.lost)])
        #expect(connection.submitted([.text("two", 1)], at: start) == [])
        #expect(connection.pingRequested(token: 10, at: start) == [.unanswered(10)])
    }

    @Test func `a peer that takes nothing in is given up`() {
        var connection = established()
        #expect(connection.stalled() == [.close(.stalled)])
        #expect(connection.stalled() == [])
    }

    @Test func `a heartbeat is sent after a period of silence, and its answer measures the way`() {
        var connection = established()
        #expect(
            connection.timerFired(at: start + .seconds(5)) == [.send(.heartbeat(1)), .setTimer(start + .seconds(10))]
        )
        #expect(
            connection.received(.answer(1), at: start + .milliseconds(5_030))
                == [.answered(nil, roundTrip: .milliseconds(30))]
        )
        // A text takes the place of a heartbeat.
        _ = connection.submitted([.text("x", 1)], at: start + .seconds(9))
        #expect(connection.timerFired(at: start + .seconds(10)) == [.setTimer(start + .seconds(14))])
        #expect(connection.received(.heartbeat(5), at: start + .seconds(11)) == [.send(.answer(5))])
    }

    @Test func `a peer that is silent for three heartbeats is dead`() {
        var connection = established()
        _ = connection.timerFired(at: start + .seconds(5))
        _ = connection.timerFired(at: start + .seconds(10))
        #expect(
            connection.timerFired(at: start + .seconds(15))
                == [.send(.goodbye(.silent)), .close(.silent(.seconds(15)))]
        )
    }

    @Test func `a ping is answered with its token`() {
        var connection = established()
        #expect(connection.pingRequested(token: 3, at: start) == [.send(.heartbeat(1))])
        #expect(
            connection.received(.answer(1), at: start + .milliseconds(2)) == [.answered(3, roundTrip: .milliseconds(2))]
        )
    }

    @Test func `a goodbye is answered, and with the answer the connection ends`() {
        var connection = established()
        #expect(
            connection.closeRequested(.leaving, at: start) == [
                .send(.goodbye(.leaving)), .setTimer(start + .seconds(1)),
            ]
        )
        #expect(connection.submitted([.text("y", 1)], at: start) == [])
        #expect(connection.received(.acknowledgement(1), at: start) == [.deliver(.acknowledgement(1))])
        #expect(connection.received(.goodbye(.unspecified), at: start) == [.close(.closed(.leaving))])
        var other = established()
        #expect(
            other.received(.goodbye(.leaving), at: start)
                == [.send(.goodbye(.unspecified)), .close(.goodbye(.leaving))]
        )
    }

    @Test func `a goodbye that is not answered ends after a while`() {
        var connection = established()
        _ = connection.closeRequested(.duplicate, at: start)
        #expect(connection.timerFired(at: start + .seconds(1)) == [.close(.closed(.duplicate))])
    }

    private func violated(_ violation: PeerViolation) -> [Action] {
        [.send(.goodbye(.protocolViolation)), .close(.violation(violation))]
    }
}

extension WirePeerMessage {
    static func greeting(_ greeting: PeerGreeting) -> Self { .with { $0.greeting = greeting.wire } }

    static func text(_ text: String, _ number: UInt64) -> Self {
        .with { ($0.message, $0.number, $0.sendTime) = (text, number, .init()) }
    }

    static func heartbeat(_ number: UInt64) -> Self { .with { $0.heartbeat = .with { $0.number = number } } }

    static func answer(_ number: UInt64) -> Self { .with { $0.heartbeatAnswer = .with { $0.number = number } } }

    static func acknowledgement(_ number: UInt64) -> Self {
        .with { $0.acknowledgement = .with { $0.number = number } }
    }

    static func goodbye(_ reason: WireGoodbye.Reason) -> Self { .with { $0.goodbye = .with { $0.reason = reason } } }
}
