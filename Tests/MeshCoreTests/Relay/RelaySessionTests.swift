// SPDX-License-Identifier: Apache-2.0

import MeshCore
import NIOCore
import SwiftProtobuf
import TestSupport
import Testing

@Suite struct RelaySessionTests {
    private let alice = AccountName.named("alice")
    private let login = RelayRequest.login(
        .with { ($0.user, $0.password, $0.session) = ("alice", "secret", "s") }
    )

    private func bye(_ reason: WireBye.Reason, _ words: String = "") -> [RelaySession.Action] {
        [.stopLoginDeadline, .send(.bye(.with { ($0.reason, $0.explanation) = (reason, words) })), .end]
    }

    private func refused(_ reason: WireRefused.Reason, _ words: String) -> RelaySession.Action {
        .send(.refused(.with { ($0.reason, $0.explanation) = (reason, words) }))
    }

    private func online() -> RelaySession {
        var session = RelaySession()
        _ = session.opened(.mayTakePasswords) + session.received(login)
        _ = session.verified(.right(alice)) + session.entered(.admitted(heads: []))
        return session
    }

    @Test func `a login is verified, let in and welcomed`() {
        var session = RelaySession()
        #expect(session.opened(.mayTakePasswords) == [])
        #expect(session.received(login) == [.verify(user: "alice", password: "secret")])
        #expect(!session.takesRequests)
        #expect(session.verified(.right(alice)) == [.enter(alice, session: "s", positions: [])])
        let head = WirePosition.with { ($0.room, $0.log, $0.sequence) = (lobby, 1, 7) }
        let welcome = WireWelcome.with {
            ($0.user, $0.session, $0.heads) = ("alice", "s", [head])
            ($0.maximumTextBytes, $0.maximumFrameBytes) = (32_000, 65_536)
        }
        #expect(session.entered(.admitted(heads: [head])) == [.stopLoginDeadline, .send(.welcome(welcome))])
        #expect(session.isOnline)
    }

    @Test func `a wrong password may be tried again, ten times`() {
        var session = RelaySession()
        _ = session.opened(.mayTakePasswords)
        let wrong = refused(.invalidCredentials, "The user name or the password is wrong.")
        for _ in 1..<RelayLimits.failedLogins {
            #expect(session.received(login).count == 1)
            #expect(session.verified(.wrong) == [wrong, .startLoginDeadline])
        }
        _ = session.received(login)
        #expect(session.verified(.wrong) == [wrong] + bye(.protocolViolation, "Too many failed logins."))
        #expect(session.hasEnded)
    }

    @Test func `an account that is there already is refused, and may be tried again`() {
        var session = RelaySession()
        _ = session.opened(.mayTakePasswords) + session.received(login) + session.verified(.right(alice))
        #expect(
            session.entered(.presentAlready) == [
                refused(.alreadyLoggedIn, "This account is logged in already."), .startLoginDeadline,
            ]
        )
        #expect(session.takesRequests)
    }

    @Test func `plaintext from another machine is told before it shows a password`() {
        var session = RelaySession()
        let actions = session.opened(.needsTLS)
        #expect(actions.count == 2 && actions.last == .end)
        #expect(session.received(login) == [])
    }

    @Test func `nothing is published before the login, and nobody logs in twice`() {
        var early = RelaySession()
        _ = early.opened(.mayTakePasswords)
        let publish = WirePublish.with { ($0.text, $0.clientMessageID) = ("hi", "1") }
        #expect(
            early.received(.publish(publish)) == [
                .send(
                    .error(
                        .with { ($0.reason, $0.explanation, $0.clientMessageID) = (.notLoggedIn, "log in first", "1") }
                    )
                )
            ]
        )
        var session = online()
        #expect(session.received(.publish(publish)) == [.publish(publish)])
        #expect(
            session.received(login) == [
                .send(.error(.with { ($0.reason, $0.explanation) = (.loggedInAlready, "you are logged in already") }))
            ]
        )
    }

    @Test(arguments: [
        (WirePublish.with { $0.text = "" }, WireError.Reason.invalidText),
        (.with { $0.text = "\u{1B}[2J" }, .invalidText),
        (.with { $0.text = String(repeating: "x", count: 32_001) }, .textTooLong),
        (.with { ($0.text, $0.room) = ("a", "elsewhere") }, .noSuchRoom),
        (.with { ($0.text, $0.clientMessageID) = ("a", String(repeating: "1", count: 65)) }, .invalidMessageID),
    ])
    func `a text that may not be published is answered with the reason`(publish: WirePublish, reason: WireError.Reason)
    {
        var session = online()
        guard case .send(.error(let error))? = session.received(.publish(publish)).first else {
            Issue.record("no error")
            return
        }
        #expect(error.reason == reason)
        #expect(!session.hasEnded)
    }

    @Test func `an answer to a password that comes after the end is ignored`() {
        var session = RelaySession()
        _ = session.opened(.mayTakePasswords) + session.received(login)
        session.closed()
        #expect(session.verified(.right(alice)) == [])
        #expect(session.entered(.admitted(heads: [])) == [])
    }

    @Test func `each end says its reason once`() {
        var late = RelaySession()
        _ = late.opened(.mayTakePasswords)
        #expect(late.loginDeadlinePassed() == bye(.loginTimedOut, "Login timed out."))
        #expect(late.loginDeadlinePassed() == [])
        var logged = online()
        #expect(logged.loginDeadlinePassed() == [])
        #expect(logged.received(.bye(WireBye())) == bye(.requested))
        #expect(logged.replaced() == [])
        var replaced = online()
        #expect(replaced.replaced() == bye(.replaced, "Logged in from another connection."))
        var broken = online()
        #expect(
            broken.violated(.malformedMessage)
                == bye(.protocolViolation, "Not understood: not a message of this protocol.")
        )
        var stopped = online()
        guard case .send(.bye(let last))? = stopped.shuttingDown(retryAfter: .seconds(2)).dropFirst().first else {
            Issue.record("no bye")
            return
        }
        #expect(last.reason == .shuttingDown && last.retryAfterMilliseconds == 2_000)
    }

    @Test func `a ping is answered at any time`() {
        var session = RelaySession()
        _ = session.opened(.mayTakePasswords)
        #expect(session.received(.ping(.with { $0.number = 3 })) == [.send(.pong(.with { $0.number = 3 }))])
    }
}
