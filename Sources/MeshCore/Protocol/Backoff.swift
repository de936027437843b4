// SPDX-License-Identifier: Apache-2.0

package import NIOCore

/// How long to wait before the next attempt: a random share of a bound that doubles ("full jitter", from Brooker,
/// "Exponential Backoff And Jitter", 2015), so that many who lost the same server don't come back at the same moment.
package struct Backoff: Equatable, Sendable {
    package let shortest: TimeAmount
    package let longest: TimeAmount
    /// Attempts that failed since the last success.
    package private(set) var failures = 0

    package init(shortest: TimeAmount, longest: TimeAmount) {
        self.shortest = shortest
        self.longest = longest
    }

    /// The wait after one more failed attempt: never shorter than half of `shortest`, never longer than `longest`.
    package mutating func failed(using generator: inout some RandomNumberGenerator) -> TimeAmount {
        let doubled = shortest.nanoseconds.multipliedReportingOverflow(by: 1 << min(failures, 30))
        failures += 1
        let bound = doubled.overflow ? longest.nanoseconds : min(longest.nanoseconds, doubled.partialValue)
        let least = shortest.nanoseconds / 2
        return .nanoseconds(.random(in: least...max(bound, least), using: &generator))
    }

    /// The next failure is a first one again.
    package mutating func succeeded() {
        failures = 0
    }
}
