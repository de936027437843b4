// SPDX-License-Identifier: Apache-2.0

import Dispatch
import Foundation
import Logging
import MeshCore
import NIOCore
import Synchronization

/// Keeps the ``LoginThrottle`` for all threads, and has it stored.
///
/// Nobody waits for the store: what a second brought is written together, on a thread of its own.
final class LoginGuard: Sendable {
    /// What became of an attempt.
    enum Outcome {
        case right(AccountName)
        case wrong
        case notChecked
    }

    private let addresses: CountedAddresses
    private let store: SQLiteGuessStore?
    private let logger: Logger
    private let throttle: Mutex<LoginThrottle>
    private let isSaveDue = Atomic(false)
    private let isStoreFailing = Atomic(false)
    private let queue = DispatchQueue(label: "login throttle")

    /// Goes on with what `store` has; without one everything is forgotten with the process.
    init(counting addresses: CountedAddresses, store: SQLiteGuessStore?, logger: Logger) {
        self.addresses = addresses
        self.store = store
        self.logger = logger
        var throttle = LoginThrottle()
        do {
            if let kept = try store?.load() {
                throttle.restore(kept.familiar)
                throttle.restore(kept.guesses, at: .current)
            }
        } catch {
            logger.warning("what was known of guesses could not be read", metadata: ["error": "\(error)"])
        }
        self.throttle = Mutex(throttle)
    }

    /// Whether a password may be looked at, and when.
    ///
    /// Nil where the address doesn't count.
    func attempted(_ user: String, from address: SocketAddress?) -> LoginThrottle.Decision? {
        guard let source = addresses.source(of: address) else { return nil }
        defer { saveSoon() }
        // To Swift, and so to the accounts, two spellings of one letter are the same.
        let name = user.precomposedStringWithCanonicalMapping
        return throttle.withLock { $0.attempted(name, from: source, at: .now()) }
    }

    func ended(_ attempt: LoginAttempt, _ outcome: Outcome, from address: SocketAddress?) {
        guard let source = addresses.source(of: address) else { return }
        throttle.withLock { throttle in
            switch outcome {
            case .right(let name): throttle.succeeded(attempt, as: name, from: source, at: .now())
            case .wrong: break
            case .notChecked: throttle.notChecked(attempt, at: .now())
            }
        }
        saveSoon()
    }

    /// The account's owner came with something better than a password.
    func welcomed(_ name: AccountName, from address: SocketAddress?) {
        guard let source = addresses.source(of: address) else { return }
        throttle.withLock { $0.welcomed(name, from: source) }
        saveSoon()
    }

    /// Writes what is not yet written.
    func close() async {
        await withCheckedContinuation { continuation in
            queue.async {
                self.save()
                continuation.resume()
            }
        }
    }

    private func saveSoon() {
        guard store != nil, !isSaveDue.exchange(true, ordering: .acquiringAndReleasing) else { return }
        queue.asyncAfter(deadline: .now() + .seconds(1)) { self.save() }
    }

    private func save() {
        isSaveDue.store(false, ordering: .releasing)
        let changes = throttle.withLock { $0.takeChanges(at: .current) }
        guard let store, !changes.isEmpty else { return }
        do {
            try store.apply(changes)
            isStoreFailing.store(false, ordering: .relaxed)
        } catch {
            // Said once: the next try is a second away.
            guard !isStoreFailing.exchange(true, ordering: .relaxed) else { return }
            logger.warning("guesses can't be stored, and would be forgotten", metadata: ["error": "\(error)"])
        }
    }
}

extension Moment {
    fileprivate static var current: Moment { Moment(instant: .now(), date: .now) }
}
