// SPDX-License-Identifier: Apache-2.0

import Foundation
import Synchronization

/// Something that goes on on a thread of its own until it is told to stop, and then says what it saw.
final class Background<Outcome: Sendable>: Sendable {
    private let shared = Shared()
    private let ended = DispatchSemaphore(value: 0)

    final class Shared: Sendable {
        fileprivate let isStopping = Atomic(false)
        fileprivate let outcome = Mutex<Result<Outcome, any Error>?>(nil)

        var goesOn: Bool { !isStopping.load(ordering: .relaxed) }
    }

    init(_ body: @escaping @Sendable (Shared) throws -> Outcome) {
        let thread = Thread { [shared, ended] in
            let outcome = Result { try body(shared) }
            shared.outcome.withLock { $0 = outcome }
            ended.signal()
        }
        thread.start()
    }

    /// Stops it and waits for its end.
    func finish() throws -> Outcome? {
        shared.isStopping.store(true, ordering: .relaxed)
        ended.wait()
        return try shared.outcome.withLock { try $0?.get() }
    }
}
