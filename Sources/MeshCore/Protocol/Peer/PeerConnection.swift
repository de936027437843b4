// SPDX-License-Identifier: Apache-2.0

import DequeModule
package import NIOCore
import SwiftProtobuf

/// One end of a connection between two devices, from the proof of their ids to the goodbye.
///
/// ```
/// dialer                                acceptor
/// preamble, greeting            →
///                               ←       greeting, once the dialer is admitted
/// messages, heartbeats          ↔       messages, answers
/// goodbye                       →
///                               ←       goodbye
/// ```
///
/// What the messages are, it does not know: ``PeerSession`` and others do, which outlive it.
package struct PeerConnection: Equatable, Sendable {
    package enum Action: Equatable, Sendable {
        case send(WirePeerMessage)
        /// The other side greeted. Where it dialed, it waits for ``admitted(at:)``, or to be closed.
        case greeted(PeerGreeting)
        /// A message for those that outlive the connection.
        case deliver(WirePeerMessage)
        /// One for the failure detector.
        case detect(WirePeerMessage.OneOf_Body)
        /// The peer answered a heartbeat, or the ping with this token.
        case answered(Int?, roundTrip: TimeAmount)
        case unanswered(Int)
        /// Replaces the timer that was set before.
        case setTimer(NIODeadline)
        /// The last action of a connection.
        case close(PeerEnd)
    }

    private enum State: Equatable {
        case unopened
        case waitingForGreeting(until: NIODeadline)
        /// The dialer greeted, and whether it stays is being decided.
        case waitingForAdmission(until: NIODeadline)
        case established
        /// Our goodbye waits for theirs.
        case leaving(PeerEnd, until: NIODeadline)
        case ended
    }

    private let direction: PeerDirection
    private let greeting: PeerGreeting
    private let timing: PeerTiming
    private var state = State.unopened
    private var measurements = RoundTrips()
    private var lastSent = NIODeadline.uptimeNanoseconds(0)
    private var lastHeard = NIODeadline.uptimeNanoseconds(0)
    private var timer: NIODeadline?
    private var probes = ProbeBudget()

    package init(direction: PeerDirection, greeting: PeerGreeting, timing: PeerTiming) {
        (self.direction, self.greeting, self.timing) = (direction, greeting, timing)
    }
}

// What happens to a connection.
extension PeerConnection {
    /// TLS is up, and the other side's id is proven.
    package mutating func opened(at now: NIODeadline) -> [Action] {
        guard state == .unopened else { return [] }
        lastHeard = now
        state = .waitingForGreeting(until: now + timing.greeting)
        let first = direction == .outbound ? [send(.greeting(greeting.wire), at: now)] : []
        return first + schedule()
    }

    /// The dialer that greeted may stay.
    package mutating func admitted(at now: NIODeadline) -> [Action] {
        // It may have left in the meantime.
        guard case .waitingForAdmission = state else { return [] }
        state = .established
        lastHeard = now
        return [send(.greeting(greeting.wire), at: now)] + schedule()
    }

    package mutating func received(_ message: WirePeerMessage, at now: NIODeadline) -> [Action] {
        if state == .ended { return [] }
        lastHeard = now
        // The most are so, and what is due is not due earlier than before.
        if state == .established, message.body == nil { return [.deliver(message)] }
        do {
            return try accept(message, at: now) + schedule()
        } catch {
            return violated(error, at: now)
        }
    }

    /// The other side broke a rule below the meaning of messages, or one of this machine's.
    package mutating func violated(_ violation: PeerViolation, at now: NIODeadline) -> [Action] {
        if state == .ended { return [] }
        return [send(.goodbye(.protocolViolation), at: now)] + end(.violation(violation))
    }

    /// Messages are to be sent.
    ///
    /// A connection that ends sends none any more: what becomes of them is for others to find out.
    package mutating func submitted(_ messages: [WirePeerMessage], at now: NIODeadline) -> [Action] {
        guard state == .established else { return [] }
        lastSent = now
        return messages.map(Action.send)
    }

    /// The other side takes nothing in, and too much waits for it.
    package mutating func stalled() -> [Action] {
        state == .ended ? [] : end(.stalled)
    }

    /// How long a round trip takes is to be reported with `token`.
    package mutating func pingRequested(token: Int, at now: NIODeadline) -> [Action] {
        guard state == .established, let number = measurements.begin(token: token, at: now) else {
            return [.unanswered(token)]
        }
        return [send(.heartbeat(.with { $0.number = number }), at: now)]
    }

    /// This side wants to end the connection.
    package mutating func closeRequested(_ reason: WireGoodbye.Reason, at now: NIODeadline) -> [Action] {
        switch state {
        case .unopened: return end(.closed(reason))
        case .waitingForGreeting, .waitingForAdmission:
            return [send(.goodbye(reason), at: now)] + end(.closed(reason))
        case .established:
            state = .leaving(.closed(reason), until: now + timing.goodbye)
            return [send(.goodbye(reason), at: now)] + measurements.abandon().map(Action.unanswered)
                + schedule()
        case .leaving, .ended: return []
        }
    }

    /// No more bytes will come.
    package mutating func inputClosed() -> [Action] {
        switch state {
        case .leaving(let reason, _): end(reason)
        case .unopened, .waitingForGreeting, .waitingForAdmission, .established: end(.lost)
        case .ended: []
        }
    }

    package mutating func timerFired(at now: NIODeadline) -> [Action] {
        timer = nil
        switch state {
        case .waitingForGreeting(let deadline) where deadline <= now:
            return [send(.goodbye(.protocolViolation), at: now)] + end(.noGreeting)
        case .waitingForAdmission(let deadline) where deadline <= now:
            return [send(.goodbye(.notListed), at: now)] + end(.closed(.notListed))
        case .leaving(let reason, let deadline) where deadline <= now:
            return end(reason)
        case .established:
            if lastHeard + timing.silence <= now {
                return [send(.goodbye(.silent), at: now)] + end(.silent(timing.silence))
            }
            return heartbeat(at: now) + schedule()
        case .unopened, .waitingForGreeting, .waitingForAdmission, .leaving, .ended:
            return schedule()
        }
    }
}

// What the machine makes of it.
extension PeerConnection {
    private mutating func accept(
        _ message: WirePeerMessage,
        at now: NIODeadline
    ) throws(PeerViolation) -> [Action] {
        switch message.body {
        case .greeting(let greeting): return try accept(PeerGreeting(greeting))
        case .goodbye(let goodbye): return accept(goodbye.reason, at: now)
        case .heartbeat(let heartbeat):
            try requireGreeting()
            // An answer is no sign of life of its own: so each side measures the way.
            return [.send(.with { $0.heartbeatAnswer = heartbeat })]
        case .heartbeatAnswer(let answer):
            try requireGreeting()
            return try measured(answer, at: now)
        case .probe(let probe):
            try requireGreeting()
            try probes.take(at: now)
            return [.detect(.probe(probe))]
        case .probeAnswer(let answer):
            try requireGreeting()
            try probes.take(at: now)
            return [.detect(.probeAnswer(answer))]
        case .resume, .acknowledgement, .storeDigest, .storeRequest, .storeAnswer, .storePush, .masterClaim, nil:
            try requireGreeting()
            return [.deliver(message)]
        }
    }

    private func requireGreeting() throws(PeerViolation) {
        switch state {
        case .unopened, .waitingForGreeting, .waitingForAdmission: throw .notGreeted
        case .established, .leaving, .ended: return
        }
    }

    private mutating func accept(_ greeting: PeerGreeting) throws(PeerViolation) -> [Action] {
        guard case .waitingForGreeting(let deadline) = state else { throw .secondGreeting }
        state = direction == .outbound ? .established : .waitingForAdmission(until: deadline)
        return [.greeted(greeting)]
    }

    private mutating func accept(_ reason: WireGoodbye.Reason, at now: NIODeadline) -> [Action] {
        switch state {
        case .unopened, .waitingForGreeting, .waitingForAdmission: end(.goodbye(reason))
        case .established: [send(.goodbye(.unspecified), at: now)] + end(.goodbye(reason))
        case .leaving(let reason, _): end(reason)
        case .ended: []
        }
    }

    private mutating func measured(_ answer: WireHeartbeat, at now: NIODeadline) throws(PeerViolation) -> [Action] {
        // The measurements were given up with our goodbye; the answer was under way.
        if case .leaving = state { return [] }
        guard let trip = measurements.answered(answer.number, at: now) else { throw .wrongAnswer }
        return [.answered(trip.token, roundTrip: trip.time)]
    }

    private mutating func heartbeat(at now: NIODeadline) -> [Action] {
        guard lastSent + timing.heartbeat <= now, let number = measurements.begin(token: nil, at: now) else {
            return []
        }
        return [send(.heartbeat(.with { $0.number = number }), at: now)]
    }

    private mutating func end(_ reason: PeerEnd) -> [Action] {
        state = .ended
        return measurements.abandon().map(Action.unanswered) + [.close(reason)]
    }

    private mutating func send(_ body: WirePeerMessage.OneOf_Body, at now: NIODeadline) -> Action {
        lastSent = now
        return .send(.with { $0.body = body })
    }

    /// Sets the timer where what is due next is due before it fires.
    ///
    /// What is due later is seen when it has fired.
    private mutating func schedule() -> [Action] {
        let next: NIODeadline
        switch state {
        case .unopened, .ended: return []
        case .waitingForGreeting(let deadline), .waitingForAdmission(let deadline),
            .leaving(_, let deadline):
            next = deadline
        case .established:
            let heartbeat = measurements.isFull ? .distantFuture : lastSent + timing.heartbeat
            next = min(heartbeat, lastHeard + timing.silence)
        }
        if let timer, timer <= next { return [] }
        timer = next
        return [.setTimer(next)]
    }
}

extension WirePeerMessage.OneOf_Body {
    fileprivate static func goodbye(_ reason: WireGoodbye.Reason) -> Self { .goodbye(.with { $0.reason = reason }) }
}

/// How many messages of the failure detector one peer may send, which are answered where they are read: some a second are
/// usual, some hundreds where many devices begin at once.
private struct ProbeBudget: Equatable {
    private static let most = 500.0
    private static let perSecond = 100.0

    private var left = most
    private var filled = NIODeadline.uptimeNanoseconds(0)

    mutating func take(at now: NIODeadline) throws(PeerViolation) {
        left = min(Self.most, left + Double((now - filled).nanoseconds) / 1e9 * Self.perSecond)
        filled = now
        guard left >= 1 else { throw .tooManyProbes }
        left -= 1
    }
}
