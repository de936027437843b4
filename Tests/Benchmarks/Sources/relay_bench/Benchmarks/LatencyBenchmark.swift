// SPDX-License-Identifier: Apache-2.0

import Bench

/// How long deliveries take while 20,000 of them a second go to 1000 receivers.
///
/// From the moment that a message was to be sent, whenever it was: a server that makes the publisher wait gains nothing.
struct LatencyBenchmark {
    let plan: Plan

    func run() -> [Bar] {
        let results = plan.measure("20,000 deliveries/s to 1000 receivers", measure)
        say(Latencies.table("20,000 deliveries/s to 1000 receivers", results.map { ($0.title, $1) }))
        let medians = Dictionary(uniqueKeysWithValues: results.map { ($0, Latencies.median($1, 0.99)) })
        guard let ours = medians[.mesh], let theirs = medians[.nats] else { return [] }
        return [
            Bar(
                "p99 latency at 20,000 deliveries/s to 1000 receivers",
                "≤ NATS, \(milliseconds(theirs))",
                seen: milliseconds(ours),
                isMet: ours <= theirs
            )
        ]
    }

    private func measure(_ kind: ServerKind) throws -> Histogram {
        let server = try Server(kind, plan.setup)
        let receivers = try server.receivers(1_000)
        let publisher = try server.publisher()
        let broadcast = Broadcast(
            dialect: server.dialect,
            receivers: receivers.sockets,
            publisher: publisher.sockets[0]
        )
        try broadcast.settle()
        let profile = plan.profile?.record(server, "latency-\(kind)")
        defer { profile?.stop() }
        return try broadcast.latencies(at: 20, nanoseconds: plan.length.seconds(short: 5, full: 10))
    }
}
