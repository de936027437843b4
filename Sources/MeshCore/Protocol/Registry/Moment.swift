// SPDX-License-Identifier: Apache-2.0

package import FoundationEssentials
package import NIOCore

/// A point in time by both clocks: the one that only goes forward, for how long something lives, and the one on the
/// wall, for what people and signatures say.
package struct Moment: Equatable, Sendable {
    package let instant: NIODeadline
    package let date: Date

    package init(instant: NIODeadline, date: Date) {
        (self.instant, self.date) = (instant, date)
    }

    package static func + (moment: Moment, amount: TimeAmount) -> Moment {
        Moment(instant: moment.instant + amount, date: moment.date + TimeInterval(amount.nanoseconds) / 1_000_000_000)
    }
}
