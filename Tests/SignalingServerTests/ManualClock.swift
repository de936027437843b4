// SPDX-License-Identifier: Apache-2.0

import Foundation
import MeshCore
import NIOCore
import Synchronization

/// A clock that goes when it is told to.
final class ManualClock: Sendable {
    private let moment = Mutex(
        Moment(instant: .uptimeNanoseconds(1_000), date: Date(timeIntervalSince1970: 1_700_000_000))
    )

    var now: Moment { moment.withLock { $0 } }

    func advance(by amount: TimeAmount) { moment.withLock { $0 = $0 + amount } }

    /// Sets the clock on the wall, forward or back; no time passes.
    func setWall(by seconds: TimeInterval) {
        moment.withLock { $0 = Moment(instant: $0.instant, date: $0.date + seconds) }
    }
}
