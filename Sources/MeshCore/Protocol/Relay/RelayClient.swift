// SPDX-License-Identifier: Apache-2.0

import DequeModule
package import NIOCore
import SwiftProtobuf

/// A client's side of its session with the relay: one conversation over as many connections as it takes.
///
/// Each typed text waits in the outbox until the relay has accepted it; a new connection sends the outbox again, and the
/// relay publishes nothing twice. What the relay sends is shown once: a new connection asks for what came after the last
/// message seen.
package struct RelayClient: Equatable, Sendable {
    /// What the driver does, in this order.
    package enum Action: Equatable, Sendable {
        /// Connect, and answer with ``RelayClient/connected(at:)`` or ``RelayClient/disconnected(because:at:using:)``.
        case connect
        case send(RelayRequest)
        /// Close the connection; its end need not be told.
        case disconnect
        case show(Line)
        /// Ask for a name and a password, and answer with ``RelayClient/answered(user:password:)``.
        case askForCredentials
        /// Call ``RelayClient/timerFired(at:using:)`` at this time, instead of any that was set before.
        case setTimer(NIODeadline)
        /// The conversation is over. Nothing follows.
        case finish(Outcome)
    }

    /// What a person or a script is shown.
    package enum Line: Equatable, Sendable {
        case welcome(user: String)
        /// The connection is back. What was typed meanwhile is on its way.
        case reconnected
        case message(WireMessage, isHistory: Bool)
        case accepted(text: String, sequence: UInt64)
        /// The relay refused a text.
        case failed(text: String, because: String)
        case gap(first: UInt64, last: UInt64)
        /// The relay's log is another one: what was missed of the old one is not to be had.
        case logLost
        case refused(because: String)
        /// The connection is lost, or the relay too busy: it is tried again until the patience is at its end.
        case disconnected(because: String)
    }

    package enum Outcome: Equatable, Sendable {
        /// Everything typed was accepted.
        case left
        case unreachable(String)
        case refused(String)
        /// The connection was lost, and not found again within the patience. So many texts were not accepted.
        case lost(String, unaccepted: Int)
        /// The relay has another key than before. So many texts were not accepted.
        case distrusted(String, unaccepted: Int)
    }

    /// What a client may decide for itself.
    package struct Policy: Equatable, Sendable {
        package var reconnect = Backoff(shortest: .milliseconds(500), longest: .seconds(15))
        /// How long to look for a relay that was lost.
        package var patience: TimeAmount
        /// After this much silence the relay is asked whether it is there.
        package var pingAfter = TimeAmount.seconds(3)
        /// After this much it is taken for dead.
        package var deadAfter = TimeAmount.seconds(9)
        package var connectWithin = TimeAmount.seconds(10)
        package var passwords: Int
        /// Texts that wait for the relay at the most; then ``RelayClient/takesTexts`` is false.
        package var outbox = 1_000

        package init(patience: TimeAmount, passwords: Int) {
            self.patience = patience
            self.passwords = passwords
        }
    }

    private enum State: Equatable {
        case idle
        case askingForCredentials
        case connecting
        case loggingIn
        case online
        case waiting
        case finished
    }

    private let policy: Policy
    private let session: String
    private var backoff: Backoff
    private var state = State.idle
    private var user = ""
    private var password = ""
    private var failedLogins = 0
    private var hasBeenOnline = false
    private var inputHasEnded = false
    private var outbox: Deque<WirePublish> = []
    private var published: UInt64 = 0
    private var position: WirePosition?
    private var historyUpTo: UInt64 = 0
    private var lastHeard = NIODeadline.uptimeNanoseconds(0)
    private var lostAt: NIODeadline?

    /// A session named `session`, which nobody else's is.
    package init(session: String, policy: Policy) {
        self.session = session
        self.policy = policy
        backoff = policy.reconnect
    }

    /// The texts that the relay has not accepted yet.
    package var unaccepted: Int { outbox.count }

    /// Whether more texts may be handed over now.
    ///
    /// Also when it is over, so that nobody waits for a place.
    package var takesTexts: Bool { state == .finished || outbox.count < policy.outbox }

    package mutating func started() -> [Action] {
        state = .askingForCredentials
        return [.askForCredentials]
    }

    /// The answer to ``Action/askForCredentials``.
    package mutating func answered(user: String, password: String, at now: NIODeadline) -> [Action] {
        guard state == .askingForCredentials else { return [] }
        (self.user, self.password) = (user, password)
        return connect(at: now)
    }

    package mutating func connected(at now: NIODeadline) -> [Action] {
        guard state == .connecting else { return [.disconnect] }
        state = .loggingIn
        lastHeard = now
        let login = WireLogin.with {
            $0.user = user
            $0.password = password
            $0.session = session
            $0.positions = position.map { [$0] } ?? []
        }
        return [.send(.login(login)), .setTimer(now + policy.connectWithin)]
    }

    /// The connection is gone, or there was none to be had.
    package mutating func disconnected(
        because reason: String,
        at now: NIODeadline,
        using generator: inout some RandomNumberGenerator
    ) -> [Action] {
        switch state {
        case .connecting, .loggingIn, .online: break
        // Closed by us, on purpose.
        case .idle, .askingForCredentials, .waiting, .finished: return []
        }
        if !hasBeenOnline { return finish(.unreachable(reason)) }
        if inputHasEnded, outbox.isEmpty { return finish(.left) }
        return wait(atLeast: .zero, because: reason, at: now, using: &generator)
    }

    /// Who answers is not the relay that it was: nothing is told it, and it is not tried again.
    package mutating func distrusted(because reason: String) -> [Action] {
        guard state == .connecting else { return [] }
        return finish(.distrusted(reason, unaccepted: outbox.count))
    }

    package mutating func received(
        _ event: RelayEvent,
        at now: NIODeadline,
        using generator: inout some RandomNumberGenerator
    ) -> [Action] {
        guard state == .loggingIn || state == .online else { return [] }
        lastHeard = now
        switch event {
        case .welcome(let welcome): return welcomed(welcome, at: now)
        case .refused(let refusal): return refused(refusal, at: now, using: &generator)
        case .message(let message): return show(message)
        case .accepted(let acceptance): return accepted(acceptance)
        case .gap(let gap): return passedOver(gap)
        case .error(let error): return failed(error)
        case .pong, .joined, .left, .people, .page, .presence: return []
        case .bye(let bye): return dismissed(bye, at: now, using: &generator)
        }
    }

    /// A text was typed, or read.
    package mutating func typed(_ text: String) -> [Action] {
        guard state != .finished else { return [] }
        do {
            try text.checkText(limit: RelayLimits.text)
        } catch {
            return [.show(.failed(text: text, because: "\(error)"))]
        }
        published += 1
        let publish = WirePublish.with {
            $0.clientMessageID = "\(session)-\(published)"
            $0.text = text
        }
        outbox.append(publish)
        return state == .online ? [.send(.publish(publish))] : []
    }

    /// Nothing more will be typed: leave as soon as everything was accepted.
    package mutating func inputEnded() -> [Action] {
        inputHasEnded = true
        if state == .waiting, outbox.isEmpty { return finish(.left) }
        return leaveIfDone()
    }

    /// The person wants to leave at once.
    package mutating func interrupted() -> [Action] {
        if state == .finished { return [] }
        let outcome: Outcome = outbox.isEmpty ? .left : .lost("interrupted", unaccepted: outbox.count)
        return (state == .online ? [.send(.bye(WireBye()))] : []) + finish(outcome)
    }

    package mutating func timerFired(
        at now: NIODeadline,
        using generator: inout some RandomNumberGenerator
    ) -> [Action] {
        switch state {
        case .waiting:
            return connect(at: now)
        case .connecting, .loggingIn:
            let seconds = policy.connectWithin.nanoseconds / 1_000_000_000
            return drop(because: "no answer within \(seconds) s", at: now, using: &generator)
        case .online:
            let silence = now - lastHeard
            if silence >= policy.deadAfter {
                let seconds = silence.nanoseconds / 1_000_000_000
                return drop(because: "nothing heard for \(seconds) s", at: now, using: &generator)
            }
            let next = Action.setTimer(now + policy.pingAfter)
            if silence < policy.pingAfter { return [next] }
            return [.send(.ping(WirePing())), next]
        case .idle, .askingForCredentials, .finished:
            return []
        }
    }
}

// MARK: What the relay said

extension RelayClient {
    private mutating func welcomed(_ welcome: WireWelcome, at now: NIODeadline) -> [Action] {
        guard state == .loggingIn else { return [] }
        state = .online
        backoff.succeeded()
        lostAt = nil
        let isFirst = !hasBeenOnline
        hasBeenOnline = true
        var actions: [Action] = [.show(isFirst ? .welcome(user: welcome.user) : .reconnected)]
        if let head = welcome.heads.first(where: { $0.room == RoomName.lobby.description }) {
            historyUpTo = head.sequence
            if let position, position.log != head.log { actions.append(.show(.logLost)) }
            if position?.log != head.log {
                position = WirePosition.with { ($0.room, $0.log) = (RoomName.lobby.description, head.log) }
            }
        }
        // The relay knows by their ids which of these it has published already.
        actions += outbox.map { .send(.publish($0)) }
        return actions + [.setTimer(now + policy.pingAfter)] + leaveIfDone()
    }

    private mutating func refused(
        _ refusal: WireRefused,
        at now: NIODeadline,
        using generator: inout some RandomNumberGenerator
    ) -> [Action] {
        let reason = refusal.explanation.printable
        switch refusal.reason {
        case .busy:
            let retry = TimeAmount.milliseconds(Int64(refusal.retryAfterMilliseconds))
            return [.disconnect] + wait(atLeast: retry, because: reason, at: now, using: &generator)
        case .invalidCredentials where !hasBeenOnline, .tooManyClients where !hasBeenOnline:
            failedLogins += 1
            if failedLogins >= policy.passwords { return finish(.refused(reason)) }
            state = .askingForCredentials
            return [.disconnect, .show(.refused(because: reason)), .askForCredentials]
        case .invalidCredentials, .tooManyClients, .tlsRequired, .invalidTicket, .unspecified, .UNRECOGNIZED:
            return finish(.refused(reason))
        }
    }

    private mutating func show(_ message: WireMessage) -> [Action] {
        // Seen already: the relay was asked for what comes after the last one it had sent.
        if let position, message.sequence <= position.sequence { return [] }
        position?.sequence = message.sequence
        return [.show(.message(message, isHistory: message.sequence <= historyUpTo))]
    }

    private mutating func accepted(_ acceptance: WireAccepted) -> [Action] {
        // Of a text that was sent twice, the second acceptance.
        guard let index = outbox.firstIndex(where: { $0.clientMessageID == acceptance.clientMessageID }) else {
            return []
        }
        let publish = outbox.remove(at: index)
        return [.show(.accepted(text: publish.text, sequence: acceptance.sequence))] + leaveIfDone()
    }

    private mutating func passedOver(_ gap: WireGap) -> [Action] {
        let seen = position?.sequence ?? 0
        position?.sequence = max(gap.last, seen)
        return [.show(.gap(first: gap.first, last: gap.last))]
    }

    private mutating func failed(_ error: WireError) -> [Action] {
        guard let index = outbox.firstIndex(where: { $0.clientMessageID == error.clientMessageID }) else { return [] }
        let publish = outbox.remove(at: index)
        return [.show(.failed(text: publish.text, because: error.explanation.printable))] + leaveIfDone()
    }

    private mutating func dismissed(
        _ bye: WireBye,
        at now: NIODeadline,
        using generator: inout some RandomNumberGenerator
    ) -> [Action] {
        let reason = bye.explanation.isEmpty ? "the relay ended the connection" : bye.explanation.printable
        switch bye.reason {
        case .replaced, .protocolViolation, .kicked:
            return finish(.lost(reason, unaccepted: outbox.count))
        case .shuttingDown, .loginTimedOut, .requested, .unspecified, .UNRECOGNIZED:
            return drop(because: reason, at: now, using: &generator)
        }
    }
}

// MARK: Moving between states

extension RelayClient {
    private mutating func connect(at now: NIODeadline) -> [Action] {
        state = .connecting
        return [.connect, .setTimer(now + policy.connectWithin)]
    }

    private mutating func drop(
        because reason: String,
        at now: NIODeadline,
        using generator: inout some RandomNumberGenerator
    ) -> [Action] {
        [.disconnect] + disconnected(because: reason, at: now, using: &generator)
    }

    private mutating func wait(
        atLeast least: TimeAmount,
        because reason: String,
        at now: NIODeadline,
        using generator: inout some RandomNumberGenerator
    ) -> [Action] {
        let pause = max(least, backoff.failed(using: &generator))
        state = .waiting
        guard let lostAt else {
            lostAt = now
            return [.show(.disconnected(because: reason)), .setTimer(now + pause)]
        }
        // Said once: that the search goes on is no news.
        if now - lostAt >= policy.patience { return finish(.lost(reason, unaccepted: outbox.count)) }
        return [.setTimer(now + pause)]
    }

    private mutating func leaveIfDone() -> [Action] {
        guard inputHasEnded, outbox.isEmpty, state == .online else { return [] }
        return [.send(.bye(WireBye()))] + finish(.left)
    }

    private mutating func finish(_ outcome: Outcome) -> [Action] {
        state = .finished
        return [.disconnect, .finish(outcome)]
    }
}
