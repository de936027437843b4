// SPDX-License-Identifier: Apache-2.0

import Bench

/// 20,000 deliveries a second to 1000 receivers, without and with 200 wrong logins a second.
struct GuessBenchmark {
    let plan: Plan

    private enum Subject: String, CaseIterable {
        case without = "no guesses"
        case with = "200 wrong logins/s"
    }

    func run() -> [Bar] {
        guard plan.servers.contains(.mesh) else { return [] }
        let results = plan.measure("20,000 deliveries/s", Subject.allCases, named: \.rawValue, measure)
        say(Latencies.table("20,000 deliveries/s to 1000 receivers", results.map { ($0.rawValue, $1) }))
        let medians = Dictionary(uniqueKeysWithValues: results.map { ($0, Latencies.median($1, 0.99)) })
        guard let without = medians[.without], let with = medians[.with] else { return [] }
        return [
            Bar(
                "p99 beside 200 wrong logins/s",
                "≤ 2 × \(milliseconds(without))",
                seen: "\(threeDigits(with / without)) ×",
                isMet: with <= 2 * without
            )
        ]
    }

    private func measure(_ subject: Subject) throws -> Histogram {
        let server = try Server(.mesh, plan.setup)
        let receivers = try server.receivers(1_000)
        let publisher = try server.publisher()
        let broadcast = Broadcast(
            dialect: server.dialect,
            receivers: receivers.sockets,
            publisher: publisher.sockets[0]
        )
        try broadcast.settle()
        let guesser = subject == .with ? Guesser.start(port: server.port, perSecond: 200) : nil
        let profile = plan.profile?.record(server, "guess-\(subject)")
        defer { profile?.stop() }
        let latencies = try broadcast.latencies(at: 20, nanoseconds: plan.length.seconds(short: 10, full: 30))
        if let outcome = try guesser?.finish() {
            say("  \(outcome.tried) wrong logins were tried, \(outcome.answered) answered")
        }
        return latencies
    }
}
