// SPDX-License-Identifier: Apache-2.0

import MeshCore
import NIOCore
import NIOPosix
import Synchronization

/// Checks passwords on a few threads of its own, with a bound on how many wait.
final class Authenticator: Sendable {
    let tickets: Tickets
    private let file: AccountFile
    private let pool: NIOThreadPool
    private let ticketPool = NIOThreadPool(numberOfThreads: 1)
    private let waitingLimit: Int
    private let waiting = Mutex(0)
    /// What an unknown name costs where there is no account at all.
    private let fallback: String

    /// Reads accounts from `file`; `threads` passwords are checked at a time, and `waitingLimit` wait at the most.
    init(file: AccountFile, tickets: Tickets = Tickets(), threads: Int = 2, waitingLimit: Int = 64) {
        self.file = file
        self.tickets = tickets
        self.waitingLimit = waitingLimit
        pool = NIOThreadPool(numberOfThreads: threads)
        fallback = PasswordHash.make("nobody's password") ?? "$6$none$"
        pool.start()
        ticketPool.start()
    }

    /// Whether someone is who he says.
    func verify(
        _ credentials: RelaySession.Credentials,
        on loop: any EventLoop
    ) -> EventLoopFuture<RelaySession.Verdict> {
        switch credentials {
        case .password(let password, let user): verify(user: user, password: password, on: loop)
        case .ticket(let text, let user, let session): verify(ticket: text, user: user, session: session, on: loop)
        }
    }

    /// Whether a ticket holds: a matter of microseconds, for which nobody waits behind those who guess passwords.
    private func verify(
        ticket: String,
        user: String,
        session: String,
        on loop: any EventLoop
    ) -> EventLoopFuture<RelaySession.Verdict> {
        let verdict = ticketPool.runIfActive(eventLoop: loop) { [self] () -> RelaySession.Verdict in
            let accounts = file.current()
            let name = tickets.account(of: ticket, user: user, session: session) { accounts.hash(of: $0) }
            guard let name, let hash = accounts.hash(of: name) else { return .invalidTicket }
            return .right(name, seal: tickets.seal(of: hash))
        }
        return verdict.flatMapErrorThrowing { _ in .busy(retryAfter: .seconds(2)) }
    }

    /// Whether there is such an account; blocks on the disk where the file has changed.
    func knows(_ name: AccountName) -> Bool { file.current().hash(of: name) != nil }

    /// Whether `password` is that of the account `user`.
    ///
    /// An unknown account takes as long as a wrong password.
    func verify(
        user: String,
        password: String,
        on loop: any EventLoop
    ) -> EventLoopFuture<RelaySession.Verdict> {
        let isAdmitted = waiting.withLock { waiting in
            guard waiting < waitingLimit else { return false }
            waiting += 1
            return true
        }
        // A hash takes some tenths of a second: by then a place is free again.
        guard isAdmitted else { return loop.makeSucceededFuture(.busy(retryAfter: .seconds(2))) }
        let verdict = pool.runIfActive(eventLoop: loop) { [self] in
            defer { waiting.withLock { $0 -= 1 } }
            return check(user: user, password: password)
        }
        return verdict.flatMapErrorThrowing { _ in .busy(retryAfter: .seconds(2)) }
    }

    /// Ends the threads.
    ///
    /// What waits is answered as busy.
    func shutdown() async {
        try? await pool.shutdownGracefully()
        try? await ticketPool.shutdownGracefully()
    }

    private func check(user: String, password: String) -> RelaySession.Verdict {
        // Each way takes one hash, so that the time tells nothing.
        let comparison = file.current().comparison(for: user)
        let isRight = PasswordHash.matches(password, comparison?.hash ?? fallback)
        guard isRight, let comparison, let name = comparison.name else { return .wrong }
        return .right(name, seal: tickets.seal(of: comparison.hash))
    }
}
