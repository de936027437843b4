// SPDX-License-Identifier: Apache-2.0

import Bench

/// 2,000 messages of 1,500 bytes a second to 100 receivers, of whom ten never read, and to 90 who all read.
struct SlowBenchmark {
    let plan: Plan

    private enum Subject: String, CaseIterable {
        case without = "90 receivers"
        case with = "90 receivers, and 10 that never read"
    }

    func run() -> [Bar] {
        guard plan.servers.contains(.mesh) else { return [] }
        let results = plan.measure("2,000 × 1,500 B/s", Subject.allCases, named: \.rawValue, measure)
        say(Latencies.table("2,000 messages of 1,500 bytes a second", results.map { ($0.rawValue, $1) }))
        let medians = Dictionary(uniqueKeysWithValues: results.map { ($0, Latencies.median($1, 0.99)) })
        guard let without = medians[.without], let with = medians[.with] else { return [] }
        return [
            Bar(
                "p99 beside 10 of 100 receivers that never read",
                "≤ 1.1 × \(milliseconds(without))",
                seen: "\(threeDigits(with / without)) ×",
                isMet: with <= 1.1 * without
            )
        ]
    }

    private func measure(_ subject: Subject) throws -> Histogram {
        let server = try Server(.mesh, plan.setup)
        let receivers = try server.receivers(90)
        let sleepers = Fleet(port: server.port, dialect: server.dialect)
        if subject == .with { try sleepers.grow(to: 10, role: .receiver, firstNumber: 1_000) }
        let publisher = try server.publisher()
        let broadcast = Broadcast(
            dialect: server.dialect,
            receivers: receivers.sockets,
            publisher: publisher.sockets[0],
            textBytes: 1_500
        )
        try broadcast.settle()
        let profile = plan.profile?.record(server, "slow-\(subject)")
        defer { profile?.stop() }
        // The sleepers stay connected until the end.
        return try withExtendedLifetime(sleepers) {
            try broadcast.latencies(at: 2_000, nanoseconds: plan.length.seconds(short: 10, full: 60))
        }
    }
}
