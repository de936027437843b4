// SPDX-License-Identifier: Apache-2.0

/// A moment of a hybrid logical clock (Kulkarni and others, "Logical Physical Clocks", 2014): milliseconds since 1970 in
/// the upper 48 bits, a counter in the lower 16.
package struct HybridTime: Hashable, Sendable {
    package let value: UInt64

    package init(_ value: UInt64) {
        self.value = value
    }

    /// The first moment of a millisecond.
    package init(milliseconds: UInt64) {
        value = min(milliseconds, Self.lastMillisecond) << Self.counterBits
    }

    package var milliseconds: UInt64 { value >> Self.counterBits }

    private static let counterBits: UInt64 = 16
    private static let lastMillisecond: UInt64 = 1 << 47
}

extension HybridTime: Comparable {
    package static func < (left: HybridTime, right: HybridTime) -> Bool { left.value < right.value }
}

/// Gives moments that grow, also where the machine's clock goes back, and that come after all that were observed.
package struct HybridClock: Equatable, Sendable {
    package private(set) var latest: HybridTime

    package init(latest: HybridTime = HybridTime(0)) {
        self.latest = latest
    }

    /// The next moment, the machine's clock being at `milliseconds`.
    package mutating func next(milliseconds: UInt64) -> HybridTime {
        latest = max(HybridTime(latest.value &+ 1), HybridTime(milliseconds: milliseconds))
        return latest
    }

    /// A moment of somebody else's; false if it is so far ahead that it would spoil this clock.
    package mutating func observe(_ time: HybridTime, milliseconds: UInt64) -> Bool {
        guard time.milliseconds <= HybridTime(milliseconds: milliseconds).milliseconds + StoreLimits.ahead else {
            return false
        }
        latest = max(latest, time)
        return true
    }
}
