// SPDX-License-Identifier: Apache-2.0

import Bench

/// Deliveries a second, and processor time for each: one publisher, many receivers, few or many messages in flight.
struct CPUBenchmark {
    let plan: Plan
    var receivers = [100, 1_000]
    var windows = [1_000, 16, 1]

    private struct Case: Hashable {
        let server: ServerKind
        let receivers: Int
        let window: Int
    }

    func run() -> [Bar] {
        var results: [Case: [Throughput]] = [:]
        // Each run measures all servers, so that what else the machine does hits all alike.
        for run in 1...plan.runs {
            for receivers in receivers {
                for server in plan.servers {
                    plan.note("cpu, run \(run) of \(plan.runs): \(server.title), \(receivers) receivers")
                    do {
                        for (window, throughput) in try measure(server, receivers) {
                            results[Case(server: server, receivers: receivers, window: window), default: []]
                                .append(throughput)
                        }
                    } catch {
                        plan.note("  failed: \(error)")
                    }
                }
            }
        }
        return receivers.flatMap { count in
            windows.flatMap { window in
                report(
                    count,
                    window,
                    of: plan.servers.compactMap { server in
                        results[Case(server: server, receivers: count, window: window)].map { (server, $0) }
                    }
                )
            }
        }
    }

    private func measure(_ kind: ServerKind, _ count: Int) throws -> [(Int, Throughput)] {
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
            return (window, try Throughput(broadcast, .delivered(window: window), span: plan.span, server: server))
        }
    }

    private func report(_ receivers: Int, _ window: Int, of results: [(ServerKind, [Throughput])]) -> [Bar] {
        let costs = Dictionary(uniqueKeysWithValues: results.map { ($0, Figures($1.map(\.cost))) })
        let ours = costs[.mesh]
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
                ours.map { threeDigits($0.median / cost.median) } ?? "",
                Figures(runs.map(\.ownCost)).text(threeDigits),
            ])
        }
        say(table.text)
        let title = "CPU per delivery, \(receivers) receivers, \(window) in flight"
        return limits(window).compactMap { peer, limit in
            guard let ours, let theirs = costs[peer] else { return nil }
            let ratio = ours.median / theirs.median
            return Bar(title, "≤ \(limit) × \(peer.title)", seen: "\(threeDigits(ratio)) ×", isMet: ratio <= limit)
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
