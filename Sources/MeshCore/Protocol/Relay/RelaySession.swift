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
        /// Check the password, off the event loop, and answer with ``RelaySession/verified(_:)``.
        case verify(user: String, password: String)
        /// Join the room and answer with ``RelaySession/entered(_:)``.
        case enter(AccountName, session: String, positions: [WirePosition])
        /// Append to the room's log. The answer is an accepted event that the driver sends.
        case publish(WirePublish)
        /// The login must be done within ``RelayLimits/loginTime``, or what else is configured, from now.
        case startLoginDeadline
        case stopLoginDeadline
        /// Send what is waiting, then close. Nothing follows.
        case end
    }

    /// How a connection reached the relay, as far as passwords are concerned.
    package enum Privacy: Equatable, Sendable {
        case mayTakePasswords
        /// Plaintext, from another machine.
        case needsTLS
    }

    /// What the accounts say about a password.
    package enum Verdict: Equatable, Sendable {
        case right(AccountName)
        /// Or no such account: nobody is told which.
        case wrong
        /// Too many passwords are being checked already.
        case busy(retryAfter: TimeAmount)
    }

    /// What the room says about who wants in.
    package enum Admission: Equatable, Sendable {
        case admitted(heads: [WirePosition])
        /// The account has another session.
        case presentAlready
    }

    private enum State: Equatable {
        case connecting
        case awaitingLogin
        case verifying(session: String, positions: [WirePosition])
        case entering(AccountName, session: String)
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
            state = .verifying(session: login.session, positions: login.positions)
            return [.verify(user: login.user, password: login.password)]
        case (.online, .login):
            return [.send(Self.error(.loggedInAlready, "you are logged in already"))]
        case (.online, .publish(let publish)):
            return [Self.checked(publish)]
        case (.awaitingLogin, .publish(let publish)):
            return [.send(Self.error(.notLoggedIn, "log in first", about: publish))]
        case (.connecting, _), (.verifying, _), (.entering, _):
            assertionFailure("The driver handed over a request that it was to keep")
            return end(.protocolViolation, "Not now.")
        }
    }

    /// The answer to ``Action/verify(user:password:)``.
    package mutating func verified(_ verdict: Verdict) -> [Action] {
        // The connection may have ended while the password was checked.
        guard case .verifying(let session, let positions) = state else { return [] }
        switch verdict {
        case .right(let name):
            state = .entering(name, session: session)
            return [.enter(name, session: session, positions: positions)]
        case .wrong:
            return refuse(.invalidCredentials, "The user name or the password is wrong.", retryAfter: .zero)
        case .busy(let retryAfter):
            return refuse(.busy, "Too many are logging in.", retryAfter: retryAfter)
        }
    }

    /// The answer to ``Action/enter(_:session:positions:)``.
    package mutating func entered(_ admission: Admission) -> [Action] {
        guard case .entering(let name, let session) = state else { return [] }
        switch admission {
        case .presentAlready:
            return refuse(.alreadyLoggedIn, "This account is logged in already.", retryAfter: .zero)
        case .admitted(let heads):
            state = .online(name)
            let welcome = WireWelcome.with {
                $0.user = name.description
                $0.session = session
                $0.heads = heads
                $0.maximumTextBytes = UInt32(RelayLimits.text)
                $0.maximumFrameBytes = UInt32(RelayLimits.frame)
            }
            return [.stopLoginDeadline, .send(.welcome(welcome))]
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

    private static func checked(_ publish: WirePublish) -> Action {
        guard publish.room.isEmpty || publish.room == lobby else {
            return .send(error(.noSuchRoom, "there is no such room: there is the \(lobby)", about: publish))
        }
        guard publish.clientMessageID.utf8.count <= RelayLimits.identifier else {
            return .send(error(.invalidMessageID, "its id is longer than \(RelayLimits.identifier) bytes"))
        }
        do {
            try publish.text.checkText(limit: RelayLimits.text)
        } catch {
            let reason: WireError.Reason =
                if case .tooLong = error { .textTooLong } else { .invalidText }
            return .send(Self.error(reason, "\(error)", about: publish))
        }
        return .publish(publish)
    }

    private static func error(
        _ reason: WireError.Reason,
        _ explanation: String,
        about publish: WirePublish = WirePublish()
    ) -> RelayEvent {
        .error(
            .with {
                $0.reason = reason
                $0.explanation = explanation
                $0.clientMessageID = publish.clientMessageID
            }
        )
    }
}

/// The room that everyone is in.
package let lobby = "lobby"
