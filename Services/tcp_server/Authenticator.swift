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
    private let file: AccountFile
    private let guardian: LoginGuard?
    private let logger: Logger
    private let pool: NIOThreadPool
    private let waitingLimit: Int
    private let waiting = Mutex(0)
    /// How long checks took lately, in nanoseconds.
    private let usualTime: Atomic<Int64>
    /// Whose hash is being replaced, or could not be.
    private let replacing = Mutex<Set<AccountName>>([])
    /// What an unknown name costs where there is no account at all.
    private let fallback: String

    /// Reads accounts from `file`; `threads` passwords are checked at a time, and `waitingLimit` wait at the most.
    ///
    /// Without `guardian`, guesses are not slowed down.
    init(
        file: AccountFile,
        guardian: LoginGuard? = nil,
        threads: Int = 2,
        waitingLimit: Int = 64,
        logger: Logger = Logger(label: "tcp_server") { _ in SwiftLogNoOpLogHandler() }
    ) {
        self.file = file
        self.guardian = guardian
        self.waitingLimit = waitingLimit
        self.logger = logger
        pool = NIOThreadPool(numberOfThreads: threads)
        let start = NIODeadline.now()
        fallback = PasswordHash.make("nobody's password") ?? "$6$none$"
        usualTime = Atomic((NIODeadline.now() - start).nanoseconds)
        pool.start()
    }

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
        switch guardian?.attempted(user, from: address) {
        case nil:
            return check(user, password, on: loop)
        case .refuse:
            count(.throttled)
            let pause = TimeAmount.nanoseconds(usualTime.load(ordering: .relaxed))
            return loop.scheduleTask(in: pause) { .wrong }.futureResult
        case .check(let attempt, let pause):
            let verdict =
                pause > .zero
                ? loop.flatScheduleTask(in: pause) { self.check(user, password, on: loop) }.futureResult
                : check(user, password, on: loop)
            return verdict.always { self.guardian?.ended(attempt, .init($0), from: address) }
        }
    }

    /// Ends the threads.
    ///
    /// What waits is answered as busy.
    func shutdown() async {
        try? await pool.shutdownGracefully()
        await guardian?.close()
    }

    private func check(
        _ user: String,
        _ password: String,
        on loop: any EventLoop
    ) -> EventLoopFuture<RelaySession.Verdict> {
        let isAdmitted = waiting.withLock { waiting in
            guard waiting < waitingLimit else { return false }
            waiting += 1
            return true
        }
        // A hash takes some tenths of a second: by then a place is free again.
        guard isAdmitted else {
            count(.busy)
            return loop.makeSucceededFuture(.busy(retryAfter: .seconds(2)))
        }
        let start = NIODeadline.now()
        let verdict = pool.runIfActive(eventLoop: loop) { [self] in
            defer {
                waiting.withLock { $0 -= 1 }
                note(NIODeadline.now() - start)
            }
            return check(user, password)
        }
        return verdict.flatMapErrorThrowing { _ in .busy(retryAfter: .seconds(2)) }
    }

    private func check(_ user: String, _ password: String) -> RelaySession.Verdict {
        yieldToDeliveries()
        // Each way takes one hash, so that the time tells nothing.
        let comparison = file.current().comparison(for: user)
        let isRight = PasswordHash.matches(password, comparison?.hash ?? fallback)
        guard isRight, let comparison, let name = comparison.name else { return .wrong }
        if PasswordHash.isOutdated(comparison.hash) { replace(comparison.hash, of: name, password) }
        return .right(name)
    }

    /// A moving average: one that waited long says little about the next.
    private func note(_ time: TimeAmount) {
        let usual = usualTime.load(ordering: .relaxed)
        usualTime.store(usual + (time.nanoseconds - usual) / 4, ordering: .relaxed)
    }

    /// Replaces a hash by a weaker method, behind the answer.
    private func replace(_ hash: String, of name: AccountName, _ password: String) {
        // Tried once: a file that may not be written is left as it is.
        guard replacing.withLock({ $0.insert(name).inserted }) else { return }
        pool.submit { [self] state in
            guard state == .active, let better = PasswordHash.make(password) else { return }
            do {
                // Unless it was changed meanwhile.
                try file.change { if $0[name] == hash { $0[name] = better } }
                logger.info("replaced a hash of an older method", metadata: ["user": "\(name)"])
                replacing.withLock { _ = $0.remove(name) }
            } catch {
                logger.warning(
                    "a hash of an older method could not be replaced",
                    metadata: ["user": "\(name)", "error": "\(error)"]
                )
            }
        }
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
        case .success(.right(let name)): self = .right(name)
        case .success(.wrong): self = .wrong
        case .success(.busy), .failure: self = .notChecked
        }
    }
}
