// SPDX-License-Identifier: Apache-2.0

import MeshCore
import NIOCore
import SwiftProtobuf

/// One end of a connection between devices, whose other end says whatever it likes: nothing follows the end, and of
/// each ping it is told once what became of it; and the session by it, of whose texts each is told of once.
func fuzzPeer(_ input: [UInt8]) {
    var plan = Plan(input)
    var buffer = ByteBuffer(bytes: plan.rest)
    var decoder = MessageDecoder<WirePeerMessage>.binary(limit: PeerLimits.frame)
    var run = PeerRun(plan.next() == "o" ? .outbound : .inbound)
    do throws(WireViolation) {
        while let message = try decoder.next(from: &buffer) {
            run.happens(plan.next())
            run.received(message)
        }
    } catch {
        run.violated(error)
    }
    for _ in 0..<64 { run.happens(plan.next()) }
    run.end()
}

/// ``PeerConnection`` and what its driver does.
private struct PeerRun {
    private var connection: PeerConnection
    private var now = NIODeadline.uptimeNanoseconds(1_000_000_000)
    private var timer: NIODeadline?
    private var lastToken = 0
    private var session = PeerSession(instance: 1)
    private var openTexts: Set<Int> = []
    private var openPings: Set<Int> = []
    private var hasEnded = false

    init(_ direction: PeerDirection) {
        let greeting = PeerGreeting(name: "fuzz", version: "1", instance: 1)
        connection = PeerConnection(direction: direction, greeting: greeting, timing: PeerTiming())
        perform(connection.opened(at: now))
    }

    mutating func received(_ message: WirePeerMessage) { perform(connection.received(message, at: now)) }

    mutating func violated(_ violation: WireViolation) {
        perform(connection.violated(.malformed(violation), at: now))
    }

    mutating func happens(_ letter: Character) {
        now = now + .milliseconds(100)
        switch letter {
        case "a": perform(connection.admitted(at: now))
        case "y": submit()
        case "p": ping()
        case "m": perform(session.disconnected() + session.connected(2))
        case "c": perform(connection.closeRequested(.leaving, at: now))
        case "t":
            guard let due = timer else { return }
            now = max(now, due)
            timer = nil
            perform(connection.timerFired(at: now))
        case "x": perform(connection.inputClosed())
        default: break
        }
    }

    mutating func end() {
        perform(connection.inputClosed())
        require(hasEnded, "A connection without input goes on")
        require(openPings.isEmpty, "Nobody is told of \(openPings)")
        require(openTexts.count == session.pending, "Texts are lost: \(openTexts), \(session.pending) are pending")
        ping()
        perform(connection.received(WirePeerMessage(), at: now) + connection.admitted(at: now))
        perform(connection.timerFired(at: now) + connection.closeRequested(.leaving, at: now))
    }

    private mutating func submit() {
        lastToken += 1
        guard let actions = session.submitted("hello", token: lastToken, time: MessageTime()) else { return }
        openTexts.insert(lastToken)
        perform(actions)
    }

    private mutating func ping() {
        lastToken += 1
        openPings.insert(lastToken)
        perform(connection.pingRequested(token: lastToken, at: now))
    }

    private mutating func perform(_ actions: [PeerConnection.Action]) {
        for action in actions {
            switch action {
            case .answered(let token?, let time):
                require(time >= .zero, "An answer before the question")
                require(openPings.remove(token) != nil, "Ping \(token) is told of twice, or was never sent")
            case .unanswered(let token):
                require(openPings.remove(token) != nil, "Ping \(token) is told of twice, or was never sent")
            case .greeted:
                require(!hasEnded, "\(action) after the end")
                perform(session.connected(2))
            case .deliver(let message):
                require(!hasEnded, "\(action) after the end")
                deliver(message)
            case .detect, .send, .answered(nil, _), .setTimer, .close:
                require(!hasEnded, "\(action) after the end")
                note(action)
            }
        }
    }

    private mutating func deliver(_ message: WirePeerMessage) {
        do throws(PeerViolation) {
            switch message.body {
            case .resume(let resume): perform(try session.received(resume))
            case .acknowledgement(let number): perform(try session.received(number))
            case nil: perform(try session.received([message]))
            case .greeting, .heartbeat, .heartbeatAnswer, .goodbye, .storeDigest, .storeRequest, .storeAnswer,
                .storePush, .probe,
                .probeAnswer, .masterClaim:
                break
            }
        } catch {
            perform(connection.violated(error, at: now))
        }
    }

    private mutating func perform(_ actions: [PeerSession.Action]) {
        for action in actions {
            switch action {
            case .send(let message): perform(connection.submitted([message], at: now))
            case .show(let text):
                require((try? text.checkText(limit: PeerLimits.text)) != nil, "\(text.debugDescription) was let pass")
            case .delivered(let tokens):
                for token in tokens.compactMap(\.self) {
                    require(openTexts.remove(token) != nil, "Text \(token) is told of twice, or was never sent")
                }
            case .acknowledge(let number):
                let acknowledgement = WirePeerMessage.with { $0.acknowledgement = .with { $0.number = number } }
                perform(connection.submitted([acknowledgement], at: now))
            case .note, .keep: break
            }
        }
    }

    private mutating func note(_ action: PeerConnection.Action) {
        if case .setTimer(let deadline) = action { timer = deadline }
        if case .close = action { hasEnded = true }
    }
}
