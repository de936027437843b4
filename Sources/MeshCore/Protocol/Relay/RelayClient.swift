// SPDX-License-Identifier: Apache-2.0

package import NIOCore
import SwiftProtobuf

/// A client's side of its session with the relay: one conversation over as many connections as it takes.
///
/// Each typed line waits in the outbox until the relay has answered it; a new connection sends the outbox again, and the
/// relay publishes nothing twice. What the relay sends is shown once: a new connection asks for what came after the last
/// message seen in each room. The first login is by password, the later ones by the ticket that the relay gave.
package struct RelayClient: Equatable, Sendable {
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
    private var outbox = ClientOutbox()
    private var rooms = ClientRooms()
    private var published: UInt64 = 0
    /// Instead of the password, from the first welcome on; empty for none.
    private var ticket = ""
    private var lastHeard = NIODeadline.uptimeNanoseconds(0)
    private var lostAt: NIODeadline?
    /// Until then the relay wants nothing more to be sent.
    private var pausedUntil: NIODeadline?

    /// A session named `session`, which nobody else's is.
    package init(session: String, policy: Policy) {
        self.session = session
        self.policy = policy
        backoff = policy.reconnect
    }

    /// How many messages the relay has not accepted yet.
    package var unaccepted: Int { outbox.messages }

    /// Whether more lines may be handed over now.
    ///
    /// Also when it is over, so that nobody waits for a place.
    package var takesLines: Bool { state == .finished || outbox.count < policy.outbox }

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
        return [.send(login()), .setTimer(now + policy.connectWithin)]
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
        return lost(for: .zero, because: reason, at: now, using: &generator)
    }

    /// Who answers is not the relay that it was: nothing is told it, and it is not tried again.
    package mutating func distrusted(because reason: String) -> [Action] {
        guard state == .connecting else { return [] }
        return finish(.distrusted(reason, unaccepted: unaccepted))
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
        case .message(let message): return rooms.received(message).map { [.show($0)] } ?? []
        case .accepted(let acceptance): return accepted(acceptance)
        case .gap(let gap): return rooms.received(gap).map { [.show($0)] } ?? []
        case .error(let error): return failed(error, at: now)
        case .joined(let joined): return self.joined(joined)
        case .left(let left): return self.left(left)
        case .people(let people):
            // Also told unasked, to who missed some of the news of who comes and goes.
            _ = outbox.answered { $0 == .who(.with { $0.room = people.room }) }
            return [.show(.people(people))] + goOn()
        case .page(let page): return received(page)
        case .presence(let presence): return received(presence)
        case .pong: return []
        case .bye(let bye): return dismissed(bye, at: now, using: &generator)
        }
    }

    /// A line was typed, or read: the one of this number.
    package mutating func typed(_ command: Command, line: Int) -> [Action] {
        guard state != .finished else { return [] }
        switch command {
        case .say(let text): return publish(text, in: rooms.current, line: line)
        case .tell(let account, let text): return publish(text, in: .inbox(of: account), line: line)
        case .join(let room):
            rooms.current = room
            if room.owner != nil { return [.show(.talking(in: room))] }
            return [.show(.talking(in: room))] + ask(.join(.with { $0.room = room.description }), line: line)
        case .leave(let room): return leave(room ?? rooms.current, line: line)
        case .who(let room):
            return ask(.who(.with { $0.room = (room ?? rooms.current).description }), line: line)
        case .history(let limit):
            // What a person says to me alone is in my inbox; what I said, in theirs.
            let room = rooms.current.owner == nil ? rooms.current.description : "@\(user)"
            return ask(.history(.with { ($0.room, $0.limit) = (room, UInt32(clamping: limit)) }), line: line)
        }
    }

    /// Nothing more will be typed: leave as soon as everything was answered.
    package mutating func inputEnded() -> [Action] {
        inputHasEnded = true
        if state == .waiting, outbox.isEmpty { return finish(.left) }
        return leaveIfDone()
    }

    /// The person wants to leave at once.
    package mutating func interrupted() -> [Action] {
        if state == .finished { return [] }
        let outcome: Outcome = unaccepted == 0 ? .left : .lost("interrupted", unaccepted: unaccepted)
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
            return lookAfterConnection(at: now, using: &generator)
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
        if !welcome.ticket.isEmpty { ticket = welcome.ticket }
        // A ticket is for nobody's eyes.
        var shown = welcome
        shown.ticket = ""
        shown.clearTicketExpires()
        // The relay knows by their ids which of the messages in the outbox it has published already.
        return [.show(isFirst ? .welcome(shown) : .reconnected)]
            + rooms.welcomed(welcome.heads).map { .show($0) }
            + sendUnsent()
            + [.setTimer(now + policy.pingAfter)]
            + leaveIfDone()
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
            if failedLogins >= policy.passwords { return finish(.refused(reason, unaccepted: unaccepted)) }
            state = .askingForCredentials
            return [.disconnect, .show(.refused(because: reason)), .askForCredentials]
        case .invalidTicket where !ticket.isEmpty:
            // It has grown old, or the relay has forgotten its key: the password still holds.
            ticket = ""
            return [.send(login()), .setTimer(now + policy.connectWithin)]
        case .invalidCredentials, .tooManyClients, .tlsRequired, .invalidTicket, .unspecified, .UNRECOGNIZED:
            return finish(.refused(reason, unaccepted: unaccepted))
        }
    }

    private mutating func accepted(_ acceptance: WireAccepted) -> [Action] {
        // Of a text that was sent twice, the second acceptance.
        guard let item = outbox.answered(acceptance.clientMessageID), let publish = item.publish else { return [] }
        rooms.accepted(acceptance)
        return [.show(.accepted(line: item.line, text: publish.text, acceptance))] + goOn()
    }

    private mutating func failed(_ error: WireError, at now: NIODeadline) -> [Action] {
        let retry = TimeAmount.milliseconds(Int64(error.retryAfterMilliseconds))
        if retry > .zero, outbox.postpone(error.clientMessageID) {
            // Nor anything typed behind it: the order stays.
            let until = max(now + retry, pausedUntil ?? now)
            pausedUntil = until
            return [.setTimer(min(until, now + policy.pingAfter))]
        }
        let failed =
            error.clientMessageID.isEmpty ? outbox.answered { _ in true } : outbox.answered(error.clientMessageID)
        guard let failed else { return [] }
        return [.show(.failed(line: failed.line, failed.request, because: error.explanation.printable))] + goOn()
    }

    private mutating func joined(_ joined: WireJoined) -> [Action] {
        // What was not asked for is no room of this client's.
        guard outbox.answered({ $0 == .join(.with { $0.room = joined.head.room }) }) != nil else { return [] }
        rooms.joined(joined.head)
        return [.show(.joined(joined))] + goOn()
    }

    private mutating func left(_ left: WireLeft) -> [Action] {
        guard outbox.answered({ $0 == .leave(.with { $0.room = left.room }) }) != nil else { return [] }
        rooms.left(left.room)
        return [.show(.left(left))] + goOn()
    }

    private mutating func received(_ page: WirePage) -> [Action] {
        let isOfRoom = { (request: RelayRequest) in
            if case .history(let history) = request { history.room == page.room } else { false }
        }
        guard outbox.answered(isOfRoom) != nil else { return [] }
        rooms.received(page)
        return [.show(.page(page))] + goOn()
    }

    private mutating func received(_ presence: WirePresence) -> [Action] {
        var others = presence
        others.joined.removeAll { $0 == user }
        others.left.removeAll { $0 == user }
        return others.joined.isEmpty && others.left.isEmpty ? [] : [.show(.presence(others))]
    }

    private mutating func dismissed(
        _ bye: WireBye,
        at now: NIODeadline,
        using generator: inout some RandomNumberGenerator
    ) -> [Action] {
        let reason = bye.explanation.isEmpty ? "the relay ended the connection" : bye.explanation.printable
        switch bye.reason {
        case .replaced, .protocolViolation, .kicked:
            return finish(.lost(reason, unaccepted: unaccepted))
        case .shuttingDown, .loginTimedOut, .requested, .unspecified, .UNRECOGNIZED:
            // A relay that stops wants its clients back one after the other.
            let retry = TimeAmount.milliseconds(Int64(bye.retryAfterMilliseconds))
            return [.disconnect] + lost(for: retry, because: reason, at: now, using: &generator)
        }
    }
}

// MARK: What the relay is told

extension RelayClient {
    private func login() -> RelayRequest {
        .login(
            .with {
                $0.user = user
                if ticket.isEmpty { $0.password = password } else { $0.ticket = ticket }
                $0.session = session
                $0.positions = rooms.positions
                $0.presence = policy.wantsPresence
            }
        )
    }

    private mutating func publish(_ text: String, in room: RoomName, line: Int) -> [Action] {
        var publish = WirePublish.with {
            $0.room = room.description
            $0.text = text
        }
        do {
            try text.checkText(limit: RelayLimits.text)
        } catch {
            return [.show(.failed(line: line, .publish(publish), because: "\(error)"))]
        }
        published += 1
        publish.clientMessageID = "\(session)-\(published)"
        return ask(.publish(publish), line: line)
    }

    private mutating func leave(_ room: RoomName, line: Int) -> [Action] {
        var actions: [Action] = []
        if room == rooms.current, room != .lobby {
            rooms.current = .lobby
            actions.append(.show(.talking(in: .lobby)))
            // That one talks to a person alone is nothing that the relay knows of.
            if room.owner != nil { return actions }
        }
        return actions + ask(.leave(.with { $0.room = room.description }), line: line)
    }

    private mutating func ask(_ request: RelayRequest, line: Int) -> [Action] {
        outbox.append(.init(line: line, request: request))
        return sendUnsent()
    }

    /// Sends what can be sent now.
    private mutating func sendUnsent() -> [Action] {
        guard state == .online, pausedUntil == nil else { return [] }
        return outbox.takeUnsent().flatMap { item -> [Action] in
            guard case .history(var history) = item.request else {
                let sent: [Action] = item.publish == nil ? [] : [.show(.sent(line: item.line))]
                return [.send(item.request)] + sent
            }
            history.before = rooms.oldestShown(in: history.room)
            return [.send(.history(history))]
        }
    }

    /// An answer has come: what waited for it may be sent, or it was the last.
    private mutating func goOn() -> [Action] { sendUnsent() + leaveIfDone() }

    /// Asks a silent relay whether it is there, gives up one that is dead, and goes on after a pause.
    private mutating func lookAfterConnection(
        at now: NIODeadline,
        using generator: inout some RandomNumberGenerator
    ) -> [Action] {
        let silence = now - lastHeard
        if silence >= policy.deadAfter {
            let seconds = silence.nanoseconds / 1_000_000_000
            return drop(because: "nothing heard for \(seconds) s", at: now, using: &generator)
        }
        if let until = pausedUntil, now >= until { pausedUntil = nil }
        let isSilent = silence >= policy.pingAfter
        let next = isSilent ? min(lastHeard + policy.deadAfter, now + policy.pingAfter) : lastHeard + policy.pingAfter
        return (isSilent ? [.send(.ping(WirePing()))] : []) + sendUnsent()
            + [.setTimer(min(next, pausedUntil ?? next))]
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
        [.disconnect] + lost(for: .zero, because: reason, at: now, using: &generator)
    }

    /// The connection is gone, and is not to be made again before `pause` has passed.
    private mutating func lost(
        for pause: TimeAmount,
        because reason: String,
        at now: NIODeadline,
        using generator: inout some RandomNumberGenerator
    ) -> [Action] {
        outbox.connectionLost()
        pausedUntil = nil
        if !hasBeenOnline { return finish(.unreachable(reason)) }
        if inputHasEnded, outbox.isEmpty { return finish(.left) }
        return wait(atLeast: pause, because: reason, at: now, using: &generator)
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
        if now - lostAt >= policy.patience { return finish(.lost(reason, unaccepted: unaccepted)) }
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
