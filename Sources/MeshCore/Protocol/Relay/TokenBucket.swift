// SPDX-License-Identifier: Apache-2.0

package import NIOCore

/// How fast one account may publish: so many messages a second in the long run, and five times as many at once.
package struct PublishRate: Equatable, Sendable {
    package let perSecond: Int
    package var burst: Int { 5 * perSecond }

    /// What may be asked for.
    package static let range = 1...1_000_000
    package static let standard = PublishRate(perSecond: 1_000)

    /// A rate outside of ``range`` is taken to its nearer end.
    package init(perSecond: Int) {
        self.perSecond = min(max(perSecond, Self.range.lowerBound), Self.range.upperBound)
    }
}

/// Holds something to a rate (the generic cell rate algorithm: ITU-T I.371, annex A): tokens come at the rate, and the
/// bucket takes no more than the burst.
///
/// It is one point in time: when the bucket will be full again.
package struct TokenBucket: Equatable, Sendable {
    private let interval: TimeAmount
    private let capacity: TimeAmount
    private var full = NIODeadline.uptimeNanoseconds(0)

    /// A bucket that is full.
    package init(_ rate: PublishRate) {
        interval = .nanoseconds(1_000_000_000 / Int64(rate.perSecond))
        capacity = .nanoseconds(interval.nanoseconds * Int64(rate.burst))
    }

    /// Takes a token: nil; or, where there is none, how long it is until there is one.
    package mutating func take(at now: NIODeadline) -> TimeAmount? {
        let next = max(full, now) + interval
        let excess = next - now - capacity
        if excess > .zero { return excess }
        full = next
        return nil
    }
}
