// SPDX-License-Identifier: Apache-2.0

import MeshCore
import NIOCore
import SwiftProtobuf

/// A connection of the lines dialect, as the relay drives it: whatever is typed, and whatever happens meanwhile, ends in
/// order, once.
func fuzzDialogue(_ input: [UInt8]) {
    var connection = LinesConnection(Plan(input))
    connection.run()
}

/// ``LinesDialogue`` and ``RelaySession``, each fed with what the other says.
private struct LinesConnection {
    private var plan: Plan
    private var dialogue = LinesDialogue()
    private var session = RelaySession()
    private var hasEnded = false
    private var published: UInt64 = 0

    init(_ plan: Plan) {
        self.plan = plan
    }

    mutating func run() {
        write(dialogue.opened())
        perform(session.opened(plan.next() == "t" ? .needsTLS : .mayTakePasswords))
        var buffer = ByteBuffer(bytes: plan.rest)
        var decoder = LineDecoder(limit: RelayLimits.frame)
        do throws(WireViolation) {
            // The driver takes a line only when the session takes a request.
            while session.takesRequests, let line = try decoder.next(from: &buffer) {
                perform(interruption())
                if session.takesRequests { write(dialogue.received(line)) }
            }
        } catch {
            perform(session.violated(error))
        }
        perform(session.inputClosed())
        require(session.hasEnded && hasEnded, "The session outlives its connection")
        perform(session.loginDeadlinePassed() + session.replaced() + session.shuttingDown(retryAfter: .seconds(1)))
        perform(session.received(.ping(WirePing())))
    }

    private mutating func interruption() -> [RelaySession.Action] {
        switch plan.next() {
        case "d": session.loginDeadlinePassed()
        case "o": session.replaced()
        case "s": session.shuttingDown(retryAfter: .seconds(5))
        case "v": session.violated(.malformedMessage)
        case "g": session.received(.ping(.with { $0.number = .max }))
        case "l": session.takesRequests ? session.received(.login(WireLogin())) : []
        default: []
        }
    }

    private mutating func perform(_ actions: [RelaySession.Action]) {
        for action in actions {
            require(!hasEnded, "\(action) after the end")
            switch action {
            case .send(let event): write(dialogue.answered(event))
            case .verify(.password(_, let user)): perform(session.verified(verdict(on: user)))
            case .verify(.ticket): perform(session.verified(.invalidTicket))
            case .enter(_, let entrance):
                let welcome = RelaySession.Welcome(session: entrance.session, heads: [], ticket: nil)
                perform(session.entered(plan.next() == "p" ? .tooManyClients : .admitted(welcome)))
            case .join, .leave, .tellWho, .page: require(false, "The lines dialect has no word for \(action)")
            case .publish(let publication):
                require(session.isOnline, "Somebody published who is not logged in")
                guard case .text(let text) = publication.body else { return require(false, "That is no text") }
                require((try? text.checkText(limit: RelayLimits.text)) != nil, "\(text) was let pass")
                published += 1
                write(dialogue.answered(.accepted(.with { $0.sequence = published })))
            case .startLoginDeadline, .stopLoginDeadline: break
            case .end: hasEnded = true
            }
        }
    }

    private mutating func verdict(on user: String) -> RelaySession.Verdict {
        let letter = plan.next()
        if letter == "b" { return .busy(retryAfter: .seconds(1)) }
        guard letter != "w", let name = AccountName(user) else { return .wrong }
        return .right(name, seal: "")
    }

    private mutating func write(_ actions: [LinesDialogue.Action]) {
        for action in actions {
            switch action {
            case .write(let words): require(!words.isEmpty, "Nothing is written")
            case .request(let request): perform(session.received(request))
            }
        }
    }
}
