// SPDX-License-Identifier: Apache-2.0

import DequeModule
import NIOCore
import NIOPosix
import Synchronization

/// Who waits for a password to be checked, and who is next, on a few threads.
///
/// An account's own people, at an address where it has logged in before, don't wait behind strangers: a flood of guesses
/// keeps nobody out who was here before it. In either lane few wait.
final class PasswordQueue: Sendable {
    enum Lane: Sendable {
        case familiar
        case strangers
    }

    fileprivate struct Waiting {
        var familiar: Deque<NIOThreadPool.WorkItem> = []
        var strangers: Deque<NIOThreadPool.WorkItem> = []
        /// With those whose passwords are being checked.
        var unanswered = (familiar: 0, strangers: 0)
    }

    private let pool: NIOThreadPool
    /// Of either lane.
    private let limit: Int
    private let waiting = Mutex(Waiting())

    init(threads: Int, limit: Int) {
        self.limit = limit
        pool = NIOThreadPool(numberOfThreads: threads)
        pool.start()
    }

    /// Does `work` when it is its turn; nil where too many wait already.
    ///
    /// The future fails where the threads end first.
    func run<Answer: Sendable>(
        in lane: Lane,
        on loop: any EventLoop,
        _ work: @escaping @Sendable () -> Answer
    ) -> EventLoopFuture<Answer>? {
        let promise = loop.makePromise(of: Answer.self)
        let start = NIODeadline.now()
        let isAdmitted = waiting.withLock { waiting in
            waiting.add(to: lane, limit: limit) { [self] state in
                Traffic.loginQueue.record(since: start)
                let answer: Result<Answer, any Error> =
                    state == .active ? .success(work()) : .failure(ChannelError.alreadyClosed)
                self.waiting.withLock { $0.answered(lane) }
                promise.completeWith(answer)
            }
        }
        guard isAdmitted else {
            promise.fail(ChannelError.alreadyClosed)
            return nil
        }
        // Not for this one: for whoever is next when a thread is free.
        pool.submit { [self] state in waiting.withLock { $0.next() }?(state) }
        return promise.futureResult
    }

    /// Ends the threads when what they do is done.
    func shutdown() async {
        try? await pool.shutdownGracefully()
    }
}

extension PasswordQueue.Waiting {
    fileprivate mutating func add(
        to lane: PasswordQueue.Lane,
        limit: Int,
        _ work: @escaping NIOThreadPool.WorkItem
    ) -> Bool {
        switch lane {
        case .familiar:
            guard unanswered.familiar < limit else { return false }
            unanswered.familiar += 1
            familiar.append(work)
        case .strangers:
            guard unanswered.strangers < limit else { return false }
            unanswered.strangers += 1
            strangers.append(work)
        }
        return true
    }

    fileprivate mutating func next() -> NIOThreadPool.WorkItem? {
        familiar.popFirst() ?? strangers.popFirst()
    }

    fileprivate mutating func answered(_ lane: PasswordQueue.Lane) {
        switch lane {
        case .familiar: unanswered.familiar -= 1
        case .strangers: unanswered.strangers -= 1
        }
    }
}
