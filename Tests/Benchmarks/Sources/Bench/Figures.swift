// SPDX-License-Identifier: Apache-2.0

import Foundation

/// What several runs of one thing measured.
package struct Figures: Sendable {
    private let sorted: [Double]

    package init(_ values: [Double]) {
        sorted = values.sorted()
    }

    package var median: Double {
        if sorted.isEmpty { return .nan }
        let middle = sorted.count / 2
        return sorted.count % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
    }

    package var least: Double { sorted.first ?? .nan }
    package var greatest: Double { sorted.last ?? .nan }

    /// The median, and behind it the least and the greatest, if there was more than one run.
    package func text(_ format: (Double) -> String) -> String {
        if sorted.count < 2 { return format(median) }
        return "\(format(median)) (\(format(least))–\(format(greatest)))"
    }
}

/// `value` with three digits that count: 0.0153, 4.21, 1530000 as 1.53 M.
package func threeDigits(_ value: Double) -> String {
    switch abs(value) {
    case 1_000_000...: threeDigits(value / 1_000_000) + " M"
    case 10_000...: threeDigits(value / 1_000) + " k"
    case 100...: String(format: "%.0f", value)
    case 10...: String(format: "%.1f", value)
    case 1...: String(format: "%.2f", value)
    case 0.1...: String(format: "%.3f", value)
    default: String(format: "%.4f", value)
    }
}

/// Nanoseconds as people read them.
package func milliseconds(_ nanoseconds: Double) -> String {
    threeDigits(nanoseconds / 1e6) + " ms"
}
