// SPDX-License-Identifier: Apache-2.0

import MeshCore
import NIOCore
import SwiftProtobuf

/// One end of a connection between devices, whose other end says whatever it likes: nothing follows the end, and of
/// each text and ping it is told once what became of it.
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
    private var openTexts: Set<Int> = []
    private var openPings: Set<Int> = []
    private var shown = 0
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
        case "s" where shown > 0:
            shown -= 1
            perform(connection.textShown(at: now))
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
        require(openTexts.isEmpty && openPings.isEmpty, "Nobody is told of \(openTexts) and \(openPings)")
        submit()
        ping()
        perform(connection.received(WirePeerMessage(), at: now) + connection.admitted(at: now))
        perform(connection.timerFired(at: now) + connection.closeRequested(.leaving, at: now))
    }

    private mutating func submit() {
        lastToken += 1
        openTexts.insert(lastToken)
        perform(connection.textSubmitted("hello", token: lastToken, sent: MessageTime(), at: now))
    }

    private mutating func ping() {
        lastToken += 1
        openPings.insert(lastToken)
        perform(connection.pingRequested(token: lastToken, at: now))
    }

    private mutating func perform(_ actions: [PeerConnection.Action]) {
        for action in actions {
            switch action {
            case .delivered(let token), .notDelivered(let token), .notSent(let token):
                require(openTexts.remove(token) != nil, "Text \(token) is told of twice, or was never sent")
            case .answered(let token?, let time):
                require(time >= .zero, "An answer before the question")
                require(openPings.remove(token) != nil, "Ping \(token) is told of twice, or was never sent")
            case .unanswered(let token):
                require(openPings.remove(token) != nil, "Ping \(token) is told of twice, or was never sent")
            case .send, .greeted, .answered(nil, _), .setTimer, .show, .close:
                require(!hasEnded, "\(action) after the end")
                note(action)
            }
        }
    }

    private mutating func note(_ action: PeerConnection.Action) {
        if case .setTimer(let deadline) = action { timer = deadline }
        if case .close = action { hasEnded = true }
        if case .show(let text) = action {
            require((try? text.checkText(limit: PeerLimits.text)) != nil, "\(text.debugDescription) was let pass")
            shown += 1
            require(shown <= PeerLimits.window, "More texts are waiting than may be under way")
        }
    }
}
