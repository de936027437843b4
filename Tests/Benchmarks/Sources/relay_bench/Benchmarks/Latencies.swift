// SPDX-License-Identifier: Apache-2.0

import Bench

/// How latencies are measured and shown.
enum Latencies {
    static func table(_ title: String, _ rows: [(name: String, runs: [Histogram])]) -> String {
        var table = Table(title, columns: ["", "p50", "p99", "p99.9", "longest"])
        for (name, runs) in rows {
            let quantiles = [0.5, 0.99, 0.999, 1].map { share in
                Figures(runs.map { Double($0.quantile(share)) }).text(milliseconds)
            }
            table.add([name] + quantiles)
        }
        return table.text
    }

    /// The median of all runs.
    static func median(_ runs: [Histogram], _ share: Double) -> Double {
        Figures(runs.map { Double($0.quantile(share)) }).median
    }
}

extension Broadcast {
    /// How long deliveries take while so many messages a second are published.
    func latencies(at rate: Double, nanoseconds: Int) throws -> Histogram {
        try run(.rate(rate), nanoseconds: 1_000_000_000)
        forgetLatencies()
        try run(.rate(rate), nanoseconds: nanoseconds)
        let seen = latencies
        try finish()
        return seen
    }
}
