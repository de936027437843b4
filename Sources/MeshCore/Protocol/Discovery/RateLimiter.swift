// SPDX-License-Identifier: Apache-2.0

package import NIOCore

/// How much of what comes by datagram is looked at: so much a second from each host, and so much from all.
///
/// Token buckets; of so many hosts that they fill the table, those that were quiet for longest are forgotten.
package struct RateLimiter: Equatable, Sendable {
    private struct Bucket: Equatable {
        var tokens: Double
        var filled: NIODeadline

        mutating func take(rate: Double, burst: Double, at now: NIODeadline) -> Bool {
            let elapsed = Double(max(0, (now - filled).nanoseconds)) / 1e9
            tokens = min(burst, tokens + elapsed * rate)
            filled = max(filled, now)
            guard tokens >= 1 else { return false }
            tokens -= 1
            return true
        }
    }

    private let perHost: Double
    private let overall: Double
    private let hosts: Int
    private var all: Bucket?
    private var buckets: [String: Bucket] = [:]

    /// At most `perHost` a second from one host and `overall` from all, twice that at once; `hosts` are remembered.
    package init(perHost: Double, overall: Double, hosts: Int = 1_024) {
        (self.perHost, self.overall, self.hosts) = (perHost, overall, hosts)
    }

    /// Whether one more from `host` is within the rates.
    package mutating func allows(_ host: String, at now: NIODeadline) -> Bool {
        var bucket = buckets[host] ?? Bucket(tokens: perHost * 2, filled: now)
        defer { buckets[host] = bucket }
        if buckets[host] == nil, buckets.count >= hosts { forgetQuietest() }
        // A host that sends too much uses up nothing of what all have together.
        guard bucket.take(rate: perHost, burst: perHost * 2, at: now) else { return false }
        var all = all ?? Bucket(tokens: overall * 2, filled: now)
        defer { self.all = all }
        return all.take(rate: overall, burst: overall * 2, at: now)
    }

    /// Half of them at once, so that it is rarely done.
    private mutating func forgetQuietest() {
        let quietest = buckets.sorted { ($0.value.filled, $0.key) < ($1.value.filled, $1.key) }.prefix(
            max(1, hosts / 2)
        )
        for (host, _) in quietest { buckets[host] = nil }
    }
}
