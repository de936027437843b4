// SPDX-License-Identifier: Apache-2.0

import MeshCore
import NIOCore
import NIOPosix
import Synchronization

/// Checks passwords on a few threads of its own, with a bound on how many wait.
final class Authenticator: Sendable {
    private let file: AccountFile
    private let pool: NIOThreadPool
    private let waitingLimit: Int
    private let waiting = Mutex(0)
    /// What an unknown name costs where there is no account at all.
    private let fallback: String

    /// Reads accounts from `file`; `threads` passwords are checked at a time, and `waitingLimit` wait at the most.
    init(file: AccountFile, threads: Int = 2, waitingLimit: Int = 64) {
        self.file = file
        self.waitingLimit = waitingLimit
        pool = NIOThreadPool(numberOfThreads: threads)
        fallback = PasswordHash.make("nobody's password") ?? "$6$none$"
        pool.start()
    }

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
    }

    private func check(user: String, password: String) -> RelaySession.Verdict {
        // Each way takes one hash, so that the time tells nothing.
        let comparison = file.current().comparison(for: user)
        let isRight = PasswordHash.matches(password, comparison?.hash ?? fallback)
        guard isRight, let name = comparison?.name else { return .wrong }
        return .right(name)
    }
}
