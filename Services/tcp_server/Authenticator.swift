// SPDX-License-Identifier: Apache-2.0

import Logging
import MeshCore
import NIOCore
import NIOPosix
import Synchronization

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// Checks passwords on a few threads of its own, with a bound on how many wait.
///
/// So the memory that hashes take is bounded, too: each thread makes one at a time, of 16 MiB by the preferred method.
final class Authenticator: Sendable {
    let tickets: Tickets
    private let file: AccountFile
    private let guardian: LoginGuard?
    private let logger: Logger
    private let queue: PasswordQueue
    private let ticketPool = NIOThreadPool(numberOfThreads: 1)
    /// How long checks took lately, in nanoseconds.
    private let usualTime: Atomic<Int64>
    /// Whose hash could not be replaced.
    private let unchangeable = Mutex<Set<AccountName>>([])
    /// What an unknown name costs where there is no account at all.
    private let fallback: String

    /// Reads accounts from `file`; `threads` passwords are checked at a time, and `waitingLimit` wait at the most,
    /// and as many of those who have been here before.
    ///
    /// Without `guardian`, guesses are not slowed down.
    init(
        file: AccountFile,
        tickets: Tickets = Tickets(),
        guardian: LoginGuard? = nil,
        threads: Int = 2,
        waitingLimit: Int = 64,
        logger: Logger = Logger(label: "tcp_server") { _ in SwiftLogNoOpLogHandler() }
    ) {
        self.file = file
        self.tickets = tickets
        self.guardian = guardian
        self.logger = logger
        queue = PasswordQueue(threads: threads, limit: waitingLimit)
        let start = NIODeadline.now()
        fallback = PasswordHash.make("nobody's password") ?? "$6$none$"
        usualTime = Atomic((NIODeadline.now() - start).nanoseconds)
        ticketPool.start()
    }

    /// Whether someone is who he says.
    func verify(
        _ credentials: RelaySession.Credentials,
        from address: SocketAddress?,
        on loop: any EventLoop
    ) -> EventLoopFuture<RelaySession.Verdict> {
        switch credentials {
        case .password(let password, let user): verify(user: user, password: password, from: address, on: loop)
        case .ticket(let text, let user, let session):
            verify(ticket: text, user: user, session: session, on: loop).always { verdict in
                // Who has been here with a ticket is not kept out by what others guess there.
                if case .success(.right(let name, _)) = verdict { self.guardian?.welcomed(name, from: address) }
            }
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
            return .right(name, seal: tickets.seal(of: name, hash: hash))
        }
        return verdict.flatMapErrorThrowing { _ in .busy(retryAfter: .seconds(2)) }
    }

    /// Whether there was such an account when the file was last looked at, which is every few seconds and at each login.
    func knows(_ name: AccountName) -> Bool { file.knows(name) }

    /// Whether `password` is that of the account `user`.
    ///
    /// An unknown account takes as long as a wrong password; and about as long, and the same answer, takes one that is
    /// not looked at, since too many were guessed from `address`.
    func verify(
        user: String,
        password: String,
        from address: SocketAddress?,
        on loop: any EventLoop
    ) -> EventLoopFuture<RelaySession.Verdict> {
        // What nobody can be called, and what can be no password, is no secret: noise is not worth a hash.
        guard AccountName(user) != nil, PasswordHash.isUsable(password) else { return wrong(on: loop) }
        switch guardian?.attempted(user, from: address) {
        case nil:
            return check(user, password, .strangers, on: loop)
        case .refuse:
            count(.throttled)
            return wrong(on: loop)
        case .check(let attempt, let pause):
            let lane: PasswordQueue.Lane = attempt.isFamiliar ? .familiar : .strangers
            let verdict =
                pause > .zero
                ? loop.flatScheduleTask(in: pause) { self.check(user, password, lane, on: loop) }.futureResult
                : check(user, password, lane, on: loop)
            return verdict.always { self.guardian?.ended(attempt, .init($0), from: address) }
        }
    }

    /// Not looked at, which takes as long as if it had been.
    private func wrong(on loop: any EventLoop) -> EventLoopFuture<RelaySession.Verdict> {
        loop.scheduleTask(in: .nanoseconds(usualTime.load(ordering: .relaxed))) { .wrong }.futureResult
    }

    /// Ends the threads.
    ///
    /// What waits is answered as busy.
    func shutdown() async {
        await queue.shutdown()
        try? await ticketPool.shutdownGracefully()
        await guardian?.close()
    }

    private func check(
        _ user: String,
        _ password: String,
        _ lane: PasswordQueue.Lane,
        on loop: any EventLoop
    ) -> EventLoopFuture<RelaySession.Verdict> {
        let start = NIODeadline.now()
        let verdict = queue.run(in: lane, on: loop) { [self] in
            defer { note(NIODeadline.now() - start) }
            return check(user, password)
        }
        guard let verdict else {
            count(.busy)
            return loop.makeSucceededFuture(.busy(retryAfter: .seconds(2)))
        }
        return verdict.flatMapErrorThrowing { _ in .busy(retryAfter: .seconds(2)) }
    }

    private func check(_ user: String, _ password: String) -> RelaySession.Verdict {
        yieldToDeliveries()
        // Each way takes one hash, so that the time tells nothing.
        let comparison = file.current().comparison(for: user)
        let isRight = PasswordHash.matches(password, comparison?.hash ?? fallback)
        guard isRight, let comparison, let name = comparison.name else { return .wrong }
        // Before the answer: its ticket is to hold with the new hash.
        let hash = strengthened(comparison.hash, of: name, password)
        return .right(name, seal: tickets.seal(of: name, hash: hash))
    }

    /// A moving average: one that waited long says little about the next.
    private func note(_ time: TimeAmount) {
        let usual = usualTime.load(ordering: .relaxed)
        usualTime.store(usual + (time.nanoseconds - usual) / 4, ordering: .relaxed)
    }

    /// The hash that the account has from now on: one of a weaker method is replaced.
    private func strengthened(_ hash: String, of name: AccountName, _ password: String) -> String {
        // Tried once: a file that may not be written is left as it is.
        guard PasswordHash.isOutdated(hash), !unchangeable.withLock({ $0.contains(name) }),
            let better = PasswordHash.make(password)
        else { return hash }
        var kept = hash
        do {
            try file.change { accounts in
                if accounts[name] == hash {
                    accounts[name] = better
                    kept = better
                } else if let other = accounts[name], PasswordHash.matches(password, other) {
                    // Another login was quicker.
                    kept = other
                }
            }
        } catch {
            unchangeable.withLock { _ = $0.insert(name) }
            logger.warning(
                "a hash of an older method could not be replaced",
                metadata: ["user": "\(name)", "error": "\(error)"]
            )
            return hash
        }
        if kept == better { logger.info("replaced a hash of an older method", metadata: ["user": "\(name)"]) }
        return kept
    }

    /// Lets the threads that deliver messages go first where the processor is busy.
    private func yieldToDeliveries() {
        #if os(Linux)
        // On Linux it is the thread's own, and the calling thread's where none is named.
        _ = setpriority(__priority_which_t(PRIO_PROCESS.rawValue), 0, 5)
        #endif
    }
}

extension LoginGuard.Outcome {
    fileprivate init(_ result: Result<RelaySession.Verdict, any Error>) {
        switch result {
        case .success(.right(let name, _)): self = .right(name)
        case .success(.wrong), .success(.invalidTicket): self = .wrong
        case .success(.busy), .failure: self = .notChecked
        }
    }
}
