// SPDX-License-Identifier: Apache-2.0

import Foundation
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

    private let welcome = RelaySession.Welcome(session: "s", heads: [], ticket: nil)

    private func online() -> RelaySession {
        var session = RelaySession()
        _ = session.opened(.mayTakePasswords) + session.received(login)
        _ = session.verified(.right(alice, seal: "seal")) + session.entered(.admitted(welcome))
        return session
    }

    @Test func `a login is verified, let in and welcomed`() {
        var session = RelaySession()
        #expect(session.opened(.mayTakePasswords) == [])
        #expect(session.received(login) == [.verify(.password("secret", user: "alice"))])
        #expect(!session.takesRequests)
        guard case .enter(alice, let entrance)? = session.verified(.right(alice, seal: "seal")).first else {
            Issue.record("not let in")
            return
        }
        #expect((entrance.session, entrance.seal, entrance.positions) == ("s", "seal", []))
        let head = WirePosition.with { ($0.room, $0.log, $0.sequence) = ("lobby", 1, 7) }
        let welcome = WireWelcome.with {
            ($0.user, $0.session, $0.heads) = ("alice", "s", [head])
            ($0.maximumTextBytes, $0.maximumFrameBytes) = (32_000, 65_536)
            ($0.ticket, $0.ticketExpires) = ("t", .with { $0.seconds = 9 })
        }
        let ticket = IssuedTicket(text: "t", expires: 9)
        #expect(
            session.entered(.admitted(.init(session: "s", heads: [head], ticket: ticket))) == [
                .stopLoginDeadline, .send(.welcome(welcome)),
            ]
        )
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

    @Test func `a ticket is verified instead of the password, and one that is worth nothing is told apart`() {
        var session = RelaySession()
        _ = session.opened(.mayTakePasswords)
        let login = RelayRequest.login(.with { ($0.user, $0.ticket, $0.session) = ("alice", "t", "s") })
        #expect(session.received(login) == [.verify(.ticket("t", user: "alice", session: "s"))])
        let words = "The ticket is not valid any more: log in again."
        #expect(session.verified(.invalidTicket) == [refused(.invalidTicket, words), .startLoginDeadline])
        #expect(session.takesRequests)
    }

    @Test func `a room is asked for by a name that it can have, and another's inbox never`() throws {
        var session = online()
        let dev = try #require(RoomName("dev"))
        #expect(session.received(.join(.with { $0.room = "dev" })) == [.join(dev)])
        #expect(session.received(.who(WireWho())) == [.tellWho(.lobby)])
        #expect(session.received(.leave(.with { $0.room = "dev" })) == [.leave(dev)])
        let requests: [RelayRequest] = [
            .join(.with { $0.room = "@bob" }), .who(.with { $0.room = "@bob" }), .history(.with { $0.room = "@bob" }),
            .join(.with { $0.room = "No Room" }), .leave(.with { $0.room = "lobby" }),
        ]
        for request in requests {
            guard case .send(.error)? = session.received(request).first else {
                Issue.record("\(request) was let pass")
                continue
            }
        }
        guard case .page(let page)? = session.received(.history(.with { $0.room = "@alice" })).first else {
            Issue.record("the own inbox is refused")
            return
        }
        #expect(page.room == .inbox(of: alice))
    }

    @Test func `an account with as many clients as it may have is refused, and may be tried again`() {
        var session = RelaySession()
        _ = session.opened(.mayTakePasswords) + session.received(login) + session.verified(.right(alice, seal: "seal"))
        #expect(
            session.entered(.tooManyClients) == [
                refused(.tooManyClients, "This account has as many clients as it may have."), .startLoginDeadline,
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
        guard case .publish(let publication)? = session.received(.publish(publish)).first else {
            Issue.record("not published")
            return
        }
        #expect((publication.room, publication.clientMessageID, publication.body) == (.lobby, "1", .text("hi")))
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
        (.with { $0.data = Data(repeating: 0, count: 32_001) }, .textTooLong),
        (.with { ($0.text, $0.room) = ("a", "No Such") }, .noSuchRoom),
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
        #expect(session.verified(.right(alice, seal: "seal")) == [])
        #expect(session.entered(.admitted(welcome)) == [])
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
