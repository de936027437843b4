// SPDX-License-Identifier: Apache-2.0

import NIOCore

/// So many a second on average, and more at once where somebody has been quiet.
package struct Rate: Equatable, Sendable {
    package var perSecond: Double
    package var burst: Double

    package init(perSecond: Double, burst: Double) {
        (self.perSecond, self.burst) = (perSecond, burst)
    }

    fileprivate var interval: Double { 1_000_000_000 / max(perSecond, 0.001) }
}

/// Keeps each of many to a rate: a leaky bucket for each, of which only the instant is kept when it will be empty (the
/// "generic cell rate algorithm").
///
/// Who has been quiet for long is forgotten; when there are too many to remember, newcomers have to wait.
struct RateLimiter<Key: Hashable & Sendable>: Sendable {
    private let rate: Rate
    private let maximum: Int
    private var empty: [Key: NIODeadline] = [:]
    private var swept = NIODeadline.uptimeNanoseconds(0)

    init(_ rate: Rate, maximum: Int = 100_000) {
        (self.rate, self.maximum) = (rate, maximum)
    }

    var count: Int { empty.count }

    /// Takes one; nil where that is within the rate, else how long to wait.
    mutating func take(_ key: Key, at now: NIODeadline) -> TimeAmount? {
        if empty.count >= maximum, empty[key] == nil {
            sweep(at: now)
            if empty.count >= maximum { return .seconds(1) }
        }
        let full = TimeAmount.nanoseconds(Int64(rate.interval * rate.burst))
        let next = max(empty[key] ?? now, now) + .nanoseconds(Int64(rate.interval))
        guard next - now <= full else { return next - now - full }
        empty[key] = next
        return nil
    }

    /// At most once a second, or somebody with many addresses makes everybody wait for it.
    private mutating func sweep(at now: NIODeadline) {
        guard now >= swept + .seconds(1) else { return }
        swept = now
        empty = empty.filter { $0.value > now }
    }
}
