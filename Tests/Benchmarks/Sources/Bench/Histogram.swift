// SPDX-License-Identifier: Apache-2.0

/// How long things took, to within 1.6 percent.
package struct Histogram: Sendable {
    /// Exact below 128 ns; then 64 buckets for each power of two.
    private var counts = [Int](repeating: 0, count: 58 * 64)
    package private(set) var total = 0
    package private(set) var greatest = 0

    package init() {}

    package mutating func record(nanoseconds: Int, times: Int = 1) {
        counts[Self.bucket(of: max(0, nanoseconds))] += times
        total += times
        greatest = max(greatest, nanoseconds)
    }

    /// What this share of all stayed within, in nanoseconds; 0 where nothing was recorded.
    package func quantile(_ share: Double) -> Int {
        let rank = Int((Double(total) * share).rounded(.up))
        var seen = 0
        for (bucket, count) in counts.enumerated() where count > 0 {
            seen += count
            if seen >= rank { return min(greatest, Self.largest(in: bucket)) }
        }
        return 0
    }

    private static func bucket(of value: Int) -> Int {
        guard value >= 128 else { return value }
        // So that what is left is from 64 to 127.
        let shift = Int.bitWidth - 7 - value.leadingZeroBitCount
        return shift * 64 + (value >> shift)
    }

    private static func largest(in bucket: Int) -> Int {
        guard bucket >= 128 else { return bucket }
        let shift = bucket / 64 - 1
        return ((bucket - shift * 64 + 1) << shift) - 1
    }
}
