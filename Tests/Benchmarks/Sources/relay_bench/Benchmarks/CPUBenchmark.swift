// SPDX-License-Identifier: Apache-2.0

import Bench

/// Deliveries a second, and processor time for each: one publisher, many receivers, few or many messages in flight.
struct CPUBenchmark {
    let plan: Plan
    let receivers: [Int]
    let windows: [Int]

    func run() -> [Bar] {
        receivers.flatMap { count in
            let results = plan.measure("\(count) receivers") { try measure($0, count) }
            return windows.indices.flatMap { index in
                report(count, windows[index], of: results.map { ($0, $1.map { $0[index] }) })
            }
        }
    }

    private func measure(_ kind: ServerKind, _ count: Int) throws -> [Throughput] {
        let server = try Server(kind, plan.setup)
        let receivers = try server.receivers(count)
        let publisher = try server.publisher()
        let broadcast = Broadcast(
            dialect: server.dialect,
            receivers: receivers.sockets,
            publisher: publisher.sockets[0]
        )
        try broadcast.settle()
        return try windows.map { window in
            let profile = plan.profile?.record(server, "\(kind)-\(count)-\(window)")
            defer { profile?.stop() }
            return try Throughput(broadcast, .delivered(window: window), span: plan.length.throughput, server: server)
        }
    }

    private func report(_ receivers: Int, _ window: Int, of results: [(ServerKind, [Throughput])]) -> [Bar] {
        let costs = Dictionary(uniqueKeysWithValues: results.map { ($0, Figures($1.map(\.cost))) })
        let ours = costs[.mesh]?.median
        var table = Table(
            "\(receivers) receivers, \(window) in flight",
            columns: ["server", "deliveries/s", "server CPU µs/delivery", "tcp_server's to it", "load CPU µs/delivery"]
        )
        for (server, runs) in results {
            let cost = Figures(runs.map(\.cost))
            table.add([
                server.title,
                Figures(runs.map(\.deliveriesPerSecond)).text(threeDigits),
                cost.text(threeDigits),
                ours.map { threeDigits($0 / cost.median) } ?? "",
                Figures(runs.map(\.ownCost)).text(threeDigits),
            ])
        }
        say(table.text)
        return limits(window).compactMap { peer, limit in
            guard let ours, let theirs = costs[peer]?.median else { return nil }
            return Bar(
                "CPU per delivery, \(receivers) receivers, \(window) in flight",
                "≤ \(limit) × \(peer.title)",
                seen: "\(threeDigits(ours / theirs)) ×",
                isMet: ours / theirs <= limit
            )
        }
    }

    /// What ours may cost at most, as a multiple of what others do.
    private func limits(_ window: Int) -> [(ServerKind, Double)] {
        switch window {
        case 1_000: [(.redis, 0.3), (.nats, 0.15), (.epoll, 3)]
        case 16: [(.redis, 1)]
        case 1: [(.epoll, 1.4), (.nats, 1)]
        default: []
        }
    }
}
