// SPDX-License-Identifier: Apache-2.0

import MeshCore
import NIOCore

/// A client at a relay that says whatever it likes: nothing traps, and nothing follows the end.
func fuzzClient(_ input: [UInt8]) {
    var plan = Plan(input)
    var buffer = ByteBuffer(bytes: plan.rest)
    var decoder = RelayEventDecoder()
    var client = ClientRun()
    client.start()
    while let event = try? decoder.next(from: &buffer) {
        client.happens(plan.next())
        client.received(event)
    }
    // Once more than there are letters in any plan worth having.
    for _ in 0..<64 { client.happens(plan.next()) }
    client.end()
}

/// ``RelayClient`` and what its driver does.
private struct ClientRun {
    private var client = RelayClient(session: "s", policy: .init(patience: .seconds(60), passwords: 3))
    private var generator = Generator()
    private var now = NIODeadline.uptimeNanoseconds(1_000_000_000)
    private var timer: NIODeadline?
    private var texts = 0
    private var settled = 0
    private var hasFinished = false

    mutating func start() { perform(client.started()) }

    mutating func received(_ event: RelayEvent) {
        perform(client.received(event, at: now, using: &generator))
    }

    mutating func happens(_ letter: Character) {
        now = now + .milliseconds(100)
        switch letter {
        case "c": perform(client.connected(at: now))
        case "x": perform(client.disconnected(because: "it broke", at: now, using: &generator))
        case "y":
            if !hasFinished { texts += 1 }
            perform(client.typed(.say("hello"), line: texts))
        case "e": perform(client.inputEnded())
        case "i": perform(client.interrupted())
        case "t":
            guard let due = timer else { return }
            now = max(now, due)
            perform(client.timerFired(at: now, using: &generator))
        default: break
        }
    }

    mutating func end() {
        perform(client.interrupted())
        require(hasFinished, "The client does not stop")
        require(texts - settled == client.unaccepted, "\(texts) typed, \(settled) settled, \(client.unaccepted) left")
    }

    private mutating func perform(_ actions: [RelayClient.Action]) {
        for action in actions {
            require(!hasFinished || action == .disconnect, "\(action) after the end")
            switch action {
            case .connect, .send, .disconnect: break
            case .show(.accepted), .show(.failed): settled += 1
            case .show: break
            case .askForCredentials: perform(client.answered(user: "alice", password: "secret", at: now))
            case .setTimer(let deadline):
                require(deadline >= now, "A timer for the past")
                timer = deadline
            case .finish: hasFinished = true
            }
        }
    }
}

/// A fixed row of numbers: a run must be the same each time.
private struct Generator: RandomNumberGenerator {
    private var state: UInt64 = 1

    mutating func next() -> UInt64 {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return state
    }
}
