// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
package import NIOCore

/// A length of time as people type it: `500ms`, `60s`, `5m`, `24h`, `7d`.
package struct TimeSpan: ExpressibleByArgument, Sendable, CustomStringConvertible {
    package let amount: TimeAmount

    package init(_ amount: TimeAmount) {
        self.amount = amount
    }

    package init?(argument: String) {
        let digits = argument.prefix { ("0"..."9").contains($0) }
        guard let number = Int64(digits), let unit = Self.units[String(argument.dropFirst(digits.count))] else {
            return nil
        }
        let (nanoseconds, overflow) = number.multipliedReportingOverflow(by: unit)
        guard !overflow else { return nil }
        amount = .nanoseconds(nanoseconds)
    }

    package var description: String {
        let sorted = Self.units.sorted { $0.value > $1.value }
        let unit = sorted.first { amount.nanoseconds % $0.value == 0 } ?? ("ms", 1_000_000)
        return "\(amount.nanoseconds / unit.value)\(unit.key)"
    }

    private static let units: [String: Int64] = [
        "ms": 1_000_000, "s": 1_000_000_000, "m": 60_000_000_000, "h": 3_600_000_000_000, "d": 86_400_000_000_000,
    ]
}
