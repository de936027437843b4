// SPDX-License-Identifier: Apache-2.0

package import NIOCore
import SwiftProtobuf

/// The relay's side of one connection, from the first byte that means something to the last: who it is, and what it may
/// do.
///
/// Knows no dialect, no socket and no other connection.
///
/// ```
/// connecting ─ opened ─▶ awaitingLogin ─ login ─▶ verifying ─ right ─▶ entering ─ entered ─▶ online ─▶ ended
///                            ▲ ─────────────── wrong, busy, already there ◀┘
/// ```
package struct RelaySession: Equatable, Sendable {
    /// What the driver does, in this order.
    package enum Action: Equatable, Sendable {
        case send(RelayEvent)
        /// Check the password or the ticket, off the event loop, and answer with ``RelaySession/verified(_:)``.
        case verify(Credentials)
        /// Let the session in and answer with ``RelaySession/entered(_:)``.
        case enter(AccountName, Entrance)
        /// Append to a room's log. The answer is an accepted event, or an error, that the driver sends.
        case publish(Publication)
        /// The driver answers with a joined event or an error.
        case join(RoomName)
        /// The driver answers with a left event.
        case leave(RoomName)
        /// The driver answers with a people event or an error.
        case tellWho(RoomName)
        /// The driver answers with a page event or an error.
        case page(HistoryRequest)
        /// The login must be done within ``RelayLimits/loginTime``, or what else is configured, from now.
        case startLoginDeadline
        case stopLoginDeadline
        /// Send what is waiting, then close. Nothing follows.
        case end
    }

    /// How a client shows who it is.
    package enum Credentials: Equatable, Sendable {
        case password(String, user: String)
        case ticket(String, user: String, session: String)
    }

    /// What a client wants to go on with.
    package struct Entrance: Equatable, Sendable {
        /// Empty for a session that can't be resumed.
        package let session: String
        package let positions: [WirePosition]
        package let wantsPresence: Bool
        /// Of the account's password, once that was verified.
        package fileprivate(set) var seal = ""

        fileprivate init(_ login: WireLogin) {
            session = login.session
            positions = login.positions
            wantsPresence = login.presence
        }
    }

    /// A message that may be published.
    package struct Publication: Equatable, Sendable {
        package let clientMessageID: String
        package let room: RoomName
        package let body: MessageBody
    }

    /// How a connection reached the relay, as far as passwords are concerned.
    package enum Privacy: Equatable, Sendable {
        case mayTakePasswords
        /// Plaintext, from another machine.
        case needsTLS
    }

    /// What the accounts say about a password.
    package enum Verdict: Equatable, Sendable {
        /// With the seal of the account's password, for its tickets.
        case right(AccountName, seal: String)
        /// Or no such account, or one whose passwords are guessed too often: nobody is told which.
        case wrong
        /// The ticket is no longer worth anything, or never was.
        case invalidTicket
        /// Too many passwords are being checked already.
        case busy(retryAfter: TimeAmount)
    }

    /// What is said to who wants in.
    package enum Admission: Equatable, Sendable {
        case admitted(Welcome)
        /// The account has as many clients as it may have.
        case tooManyClients
    }

    /// What a session has when it begins.
    package struct Welcome: Equatable, Sendable {
        package let session: String
        package let heads: [WirePosition]
        package let ticket: IssuedTicket?

        package init(session: String, heads: [WirePosition], ticket: IssuedTicket?) {
            self.session = session
            self.heads = heads
            self.ticket = ticket
        }
    }

    private enum State: Equatable {
        case connecting
        case awaitingLogin
        case verifying(Entrance)
        case entering(AccountName)
        case online(AccountName)
        case ended
    }

    private var state = State.connecting
    private var failures = 0

    package init() {}

    /// Whether the driver may hand over the next request.
    ///
    /// While a password is checked it keeps what comes.
    package var takesRequests: Bool {
        switch state {
        case .awaitingLogin, .online: true
        case .connecting, .verifying, .entering, .ended: false
        }
    }

    package var isOnline: Bool {
        if case .online = state { true } else { false }
    }

    package var hasEnded: Bool { state == .ended }

    /// The connection's dialect is known.
    package mutating func opened(_ privacy: Privacy) -> [Action] {
        switch privacy {
        case .mayTakePasswords:
            state = .awaitingLogin
            return []
        case .needsTLS:
            // Said before a password is sent: a client that waits for the answer never shows it to the network.
            state = .ended
            let words = "This relay takes passwords over TLS only: connect with TLS, on the same port."
            return [.send(.refused(.with { ($0.reason, $0.explanation) = (.tlsRequired, words) })), .end]
        }
    }

    package mutating func received(_ request: RelayRequest) -> [Action] {
        switch (state, request) {
        case (.ended, _):
            return []
        case (_, .ping(let ping)):
            return [.send(.pong(.with { $0.number = ping.number }))]
        case (_, .bye):
            return end(.requested, "")
        case (.awaitingLogin, .login(let login)):
            return verify(login)
        case (.awaitingLogin, .publish(let publish)):
            return [.send(Self.error(.notLoggedIn, "log in first", about: publish))]
        case (.awaitingLogin, .join), (.awaitingLogin, .leave), (.awaitingLogin, .who), (.awaitingLogin, .history):
            return [.send(Self.error(.notLoggedIn, "log in first"))]
        case (.online, .login):
            return [.send(Self.error(.loggedInAlready, "you are logged in already"))]
        case (.online(let name), .publish(let publish)):
            return [Self.checked(publish, by: name)]
        case (.online(let name), .join(let join)):
            return [Self.inRoom(join.room, of: name) { .join($0) }]
        case (.online(let name), .leave(let leave)):
            return [Self.inRoom(leave.room, of: name, Self.left)]
        case (.online(let name), .who(let who)):
            return [Self.inRoom(who.room, of: name) { .tellWho($0) }]
        case (.online(let name), .history(let history)):
            return [Self.inRoom(history.room, of: name) { .page(HistoryRequest(history, in: $0)) }]
        case (.connecting, _), (.verifying, _), (.entering, _):
            assertionFailure("The driver handed over a request that it was to keep")
            return end(.protocolViolation, "Not now.")
        }
    }

    private mutating func verify(_ login: WireLogin) -> [Action] {
        guard login.session.utf8.count <= RelayLimits.identifier else {
            return end(.protocolViolation, "A session's name has at most \(RelayLimits.identifier) bytes.")
        }
        state = .verifying(Entrance(login))
        let isReturning = !login.ticket.isEmpty
        return [
            .verify(
                isReturning
                    ? .ticket(login.ticket, user: login.user, session: login.session)
                    : .password(login.password, user: login.user)
            )
        ]
    }

    /// The answer to ``Action/verify(_:)``.
    package mutating func verified(_ verdict: Verdict) -> [Action] {
        // The connection may have ended while the password was checked.
        guard case .verifying(var entrance) = state else { return [] }
        switch verdict {
        case .right(let name, let seal):
            state = .entering(name)
            entrance.seal = seal
            return [.enter(name, entrance)]
        case .wrong:
            return refuse(.invalidCredentials, "The user name or the password is wrong.", retryAfter: .zero)
        case .invalidTicket:
            return refuse(.invalidTicket, "The ticket is not valid any more: log in again.", retryAfter: .zero)
        case .busy(let retryAfter):
            return refuse(.busy, "Too many are logging in.", retryAfter: retryAfter)
        }
    }

    /// The answer to ``Action/enter(_:_:)``.
    package mutating func entered(_ admission: Admission) -> [Action] {
        guard case .entering(let name) = state else { return [] }
        switch admission {
        case .tooManyClients:
            return refuse(.tooManyClients, "This account has as many clients as it may have.", retryAfter: .zero)
        case .admitted(let welcome):
            state = .online(name)
            let event = WireWelcome.with {
                $0.user = name.description
                $0.session = welcome.session
                $0.heads = welcome.heads
                $0.maximumTextBytes = UInt32(RelayLimits.text)
                $0.maximumFrameBytes = UInt32(RelayLimits.frame)
                guard let ticket = welcome.ticket else { return }
                $0.ticket = ticket.text
                $0.ticketExpires = MessageTime(seconds: ticket.expires)
            }
            return [.stopLoginDeadline, .send(.welcome(event))]
        }
    }

    /// What came is nothing that the dialect allows.
    package mutating func violated(_ violation: WireViolation) -> [Action] {
        end(.protocolViolation, "Not understood: \(violation).")
    }

    package mutating func loginDeadlinePassed() -> [Action] {
        // A late timer, or one that a login outran.
        isOnline ? [] : end(.loginTimedOut, "Login timed out.")
    }

    /// Another wants the place of somebody who has not logged in.
    package mutating func crowdedOut() -> [Action] {
        isOnline ? [] : end(.loginTimedOut, "Too many are logging in. Please try again later.")
    }

    /// The same session has another connection now.
    package mutating func replaced() -> [Action] {
        end(.replaced, "Logged in from another connection.")
    }

    /// An operator wants the client gone.
    package mutating func kicked() -> [Action] {
        end(.kicked, "An operator has ended this session.")
    }

    package mutating func shuttingDown(retryAfter: TimeAmount) -> [Action] {
        end(.shuttingDown, "The server is shutting down.", retryAfter: retryAfter)
    }

    /// The client sends nothing more, and all that it sent was taken.
    package mutating func inputClosed() -> [Action] {
        end(.requested, "")
    }

    /// The connection is gone.
    package mutating func closed() {
        state = .ended
    }

    private mutating func refuse(
        _ reason: WireRefused.Reason,
        _ explanation: String,
        retryAfter: TimeAmount
    ) -> [Action] {
        state = .awaitingLogin
        failures += 1
        let refusal = RelayEvent.refused(
            .with {
                $0.reason = reason
                $0.explanation = explanation
                $0.retryAfterMilliseconds = UInt32(clamping: retryAfter.nanoseconds / 1_000_000)
            }
        )
        if failures < RelayLimits.failedLogins { return [.send(refusal), .startLoginDeadline] }
        return [.send(refusal)] + end(.protocolViolation, "Too many failed logins.")
    }

    private mutating func end(
        _ reason: WireBye.Reason,
        _ explanation: String,
        retryAfter: TimeAmount = .zero
    ) -> [Action] {
        if state == .ended { return [] }
        state = .ended
        let bye = RelayEvent.bye(
            .with {
                $0.reason = reason
                $0.explanation = explanation
                $0.retryAfterMilliseconds = UInt32(clamping: retryAfter.nanoseconds / 1_000_000)
            }
        )
        return [.stopLoginDeadline, .send(bye), .end]
    }

    private static func checked(_ publish: WirePublish, by name: AccountName) -> Action {
        guard let room = room(publish.room), publish.room.utf8.count <= RelayLimits.identifier + 1 else {
            return .send(error(.noSuchRoom, RoomName.rule, about: publish))
        }
        guard publish.clientMessageID.utf8.count <= RelayLimits.identifier else {
            return .send(error(.invalidMessageID, "its id is longer than \(RelayLimits.identifier) bytes"))
        }
        let body: MessageBody
        switch publish.body {
        case .data(let bytes):
            guard bytes.count <= RelayLimits.text else {
                return .send(error(.textTooLong, "it is longer than \(RelayLimits.text) bytes", about: publish))
            }
            body = .data(bytes)
        case .text, nil:
            do {
                try publish.text.checkText(limit: RelayLimits.text)
            } catch {
                let reason: WireError.Reason =
                    if case .tooLong = error { .textTooLong } else { .invalidText }
                return .send(Self.error(reason, "\(error)", about: publish))
            }
            body = .text(publish.text)
        }
        return .publish(Publication(clientMessageID: publish.clientMessageID, room: room, body: body))
    }

    /// A room of that name, which is for `reader`'s eyes.
    private static func inRoom(_ text: String, of reader: AccountName, _ action: (RoomName) -> Action) -> Action {
        guard let room = room(text) else { return .send(error(.noSuchRoom, RoomName.rule, room: text)) }
        if let owner = room.owner, owner != reader {
            return .send(error(.noSuchRoom, "that is for \(owner) alone", room: text))
        }
        return action(room)
    }

    private static func left(_ room: RoomName) -> Action {
        if room == .lobby || room.owner != nil {
            return .send(error(.invalidRequest, "everyone is in that room", room: room.description))
        }
        return .leave(room)
    }

    private static func room(_ text: String) -> RoomName? {
        text.isEmpty ? .lobby : RoomName(text)
    }

    private static func error(
        _ reason: WireError.Reason,
        _ explanation: String,
        about publish: WirePublish = WirePublish(),
        room: String = ""
    ) -> RelayEvent {
        .error(
            .with {
                $0.reason = reason
                $0.explanation = explanation
                $0.clientMessageID = publish.clientMessageID
                $0.room = String((room.isEmpty ? publish.room : room).prefix(RelayLimits.identifier))
            }
        )
    }
}
