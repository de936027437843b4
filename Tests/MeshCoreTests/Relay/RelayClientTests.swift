// SPDX-License-Identifier: Apache-2.0

import MeshCore
import NIOCore
import SwiftProtobuf
import TestSupport
import Testing

@Suite struct RelayClientTests {
    private let start = NIODeadline.uptimeNanoseconds(1_000_000_000)
    private var generator = SeededGenerator(seed: 1)

    private func client(patience: TimeAmount = .minutes(1), passwords: Int = 3) -> RelayClient {
        RelayClient(session: "s", policy: .init(patience: patience, passwords: passwords))
    }

    private func login(_ positions: [WirePosition] = []) -> RelayClient.Action {
        .send(
            .login(
                .with { ($0.user, $0.password, $0.session, $0.positions) = ("alice", "secret", "s", positions) }
            )
        )
    }

    private func publish(_ number: Int, _ text: String) -> RelayClient.Action {
        .send(.publish(.with { ($0.clientMessageID, $0.text) = ("s-\(number)", text) }))
    }

    private func welcome(log: UInt64, head: UInt64) -> RelayEvent {
        .welcome(
            .with {
                $0.user = "alice"
                $0.heads = [.with { ($0.room, $0.log, $0.sequence) = ("lobby", log, head) }]
            }
        )
    }

    private func message(_ sequence: UInt64) -> WireMessage {
        .with { ($0.room, $0.sequence, $0.sender, $0.text) = ("lobby", sequence, "bob", "hi") }
    }

    private func accepted(_ number: Int, as sequence: UInt64) -> RelayEvent {
        .accepted(.with { ($0.clientMessageID, $0.room, $0.sequence) = ("s-\(number)", "lobby", sequence) })
    }

    private mutating func online() -> RelayClient {
        var client = client()
        _ = client.started() + client.answered(user: "alice", password: "secret", at: start)
        _ = client.connected(at: start)
        _ = client.received(welcome(log: 1, head: 0), at: start, using: &generator)
        return client
    }

    @Test mutating func `a conversation from the first question to the last word`() {
        var client = client()
        #expect(client.started() == [.askForCredentials])
        #expect(
            client.answered(user: "alice", password: "secret", at: start) == [
                .connect, .setTimer(start + .seconds(10)),
            ]
        )
        #expect(client.connected(at: start) == [login(), .setTimer(start + .seconds(10))])
        #expect(
            client.received(welcome(log: 1, head: 2), at: start, using: &generator) == [
                .show(.welcome(user: "alice")), .setTimer(start + .seconds(3)),
            ]
        )
        let two = client.received(.message(message(2)), at: start, using: &generator)
        #expect(two == [.show(.message(message(2), isHistory: true))])
        let three = client.received(.message(message(3)), at: start, using: &generator)
        #expect(three == [.show(.message(message(3), isHistory: false))])
        #expect(client.typed("hello") == [publish(1, "hello")])
        #expect(client.inputEnded() == [])
        #expect(
            client.received(accepted(1, as: 4), at: start, using: &generator) == [
                .show(.accepted(text: "hello", sequence: 4)), .send(.bye(WireBye())), .disconnect, .finish(.left),
            ]
        )
    }

    @Test mutating func `what was not accepted is sent again, and what was seen is not shown again`() {
        var client = online()
        _ = client.received(.message(message(5)), at: start, using: &generator)
        _ = client.typed("one") + client.typed("two")
        _ = client.received(accepted(1, as: 6), at: start, using: &generator)
        let lost = client.disconnected(because: "reset", at: start, using: &generator)
        #expect(lost.first == .show(.disconnected(because: "reset")))
        #expect(client.typed("three") == [])
        #expect(client.timerFired(at: start, using: &generator) == [.connect, .setTimer(start + .seconds(10))])
        let position = WirePosition.with { ($0.room, $0.log, $0.sequence) = ("lobby", 1, 5) }
        #expect(client.connected(at: start).first == login([position]))
        let back = client.received(welcome(log: 1, head: 6), at: start, using: &generator)
        #expect(back == [.show(.reconnected), publish(2, "two"), publish(3, "three"), .setTimer(start + .seconds(3))])
        #expect(client.received(.message(message(5)), at: start, using: &generator) == [])
    }

    @Test mutating func `a relay that lost its log is said to have`() {
        var client = online()
        _ = client.received(.message(message(5)), at: start, using: &generator)
        _ = client.disconnected(because: "reset", at: start, using: &generator)
        _ = client.timerFired(at: start, using: &generator) + client.connected(at: start)
        let back = client.received(welcome(log: 2, head: 1), at: start, using: &generator)
        #expect(back.contains(.show(.logLost)))
        #expect(
            client.received(.message(message(1)), at: start, using: &generator) == [
                .show(.message(message(1), isHistory: true))
            ]
        )
    }

    @Test mutating func `a wrong password is asked for again, three times in all`() {
        var client = client()
        _ = client.started()
        let refusal = RelayEvent.refused(
            .with { ($0.reason, $0.explanation) = (.invalidCredentials, "Wrong.") }
        )
        for _ in 1...2 {
            _ = client.answered(user: "alice", password: "secret", at: start) + client.connected(at: start)
            let actions = client.received(refusal, at: start, using: &generator)
            #expect(actions == [.disconnect, .show(.refused(because: "Wrong.")), .askForCredentials])
        }
        _ = client.answered(user: "alice", password: "secret", at: start) + client.connected(at: start)
        let last = client.received(refusal, at: start, using: &generator)
        #expect(last == [.disconnect, .finish(.refused("Wrong."))])
    }

    @Test mutating func `a relay that is not there the first time ends it`() {
        var client = client()
        _ = client.started() + client.answered(user: "a", password: "b", at: start)
        let end = client.disconnected(because: "refused", at: start, using: &generator)
        #expect(end == [.disconnect, .finish(.unreachable("refused"))])
    }

    @Test mutating func `a relay that was lost is looked for until the patience is at its end`() {
        var client = online()
        _ = client.typed("unsent")
        var now = start
        var actions = client.disconnected(because: "gone", at: now, using: &generator)
        var attempts = 0
        while !actions.contains(where: { if case .finish = $0 { true } else { false } }) {
            guard case .setTimer(let deadline)? = actions.last else { break }
            now = deadline
            _ = client.timerFired(at: now, using: &generator)
            actions = client.disconnected(because: "gone", at: now, using: &generator)
            attempts += 1
        }
        #expect(actions.last == .finish(.lost("gone", unaccepted: 1)))
        #expect(now - start >= .minutes(1) && now - start < .seconds(76))
        #expect((5...60).contains(attempts))
    }

    @Test mutating func `a silent relay is asked after three seconds and given up after nine`() {
        var client = online()
        _ = client.typed("unsent")
        let asked = client.timerFired(at: start + .seconds(3), using: &generator)
        #expect(asked == [.send(.ping(WirePing())), .setTimer(start + .seconds(6))])
        let dropped = client.timerFired(at: start + .seconds(9), using: &generator)
        #expect(dropped.prefix(2) == [.disconnect, .show(.disconnected(because: "nothing heard for 9 s"))])
    }

    @Test mutating func `a text that can't be sent is said to have failed`() {
        var client = online()
        #expect(
            client.typed("\u{7}") == [
                .show(.failed(text: "\u{7}", because: "it has control characters other than tab and newline"))
            ]
        )
        _ = client.typed("fine")
        let error = RelayEvent.error(.with { ($0.explanation, $0.clientMessageID) = ("no", "s-1") })
        #expect(client.received(error, at: start, using: &generator) == [.show(.failed(text: "fine", because: "no"))])
        #expect(client.unaccepted == 0)
    }

    @Test mutating func `no more texts are taken than the outbox holds`() {
        var client = online()
        for _ in 0..<1_000 { _ = client.typed("x") }
        #expect(!client.takesTexts)
        _ = client.received(accepted(1, as: 1), at: start, using: &generator)
        #expect(client.takesTexts)
    }

    @Test mutating func `a busy relay is tried again after the time it names`() {
        var client = client()
        _ = client.started() + client.answered(user: "a", password: "b", at: start) + client.connected(at: start)
        let busy = RelayEvent.refused(.with { ($0.reason, $0.retryAfterMilliseconds) = (.busy, 20_000) })
        let actions = client.received(busy, at: start, using: &generator)
        #expect(actions.last == .setTimer(start + .seconds(20)))
    }

    @Test mutating func `what an ended conversation is told changes nothing`() {
        var client = online()
        #expect(client.interrupted() == [.send(.bye(WireBye())), .disconnect, .finish(.left)])
        #expect(client.interrupted() == [])
        #expect(client.typed("x") == [])
        #expect(client.timerFired(at: start, using: &generator) == [])
        #expect(client.received(.message(message(1)), at: start, using: &generator) == [])
        #expect(client.disconnected(because: "x", at: start, using: &generator) == [])
    }
}
