// SPDX-License-Identifier: Apache-2.0

import Bench

/// Accepted publishes a second: one publisher, one receiver, up to 1000 not accepted yet.
struct PublishBenchmark {
    let plan: Plan

    private enum Durability: String, CaseIterable {
        case memory
        case stored
        case synced

        /// What is to be reached, in accepted publishes a second.
        var least: Double? {
            switch self {
            case .memory: nil
            case .stored: 150_000
            case .synced: 20_000
            }
        }
    }

    func run() -> [Bar] {
        guard plan.servers.contains(.mesh) else { return [] }
        let results = plan.measure("accepted publishes", Durability.allCases, named: \.rawValue, measure)
        var table = Table(
            "One publisher, one receiver, 1000 not accepted yet",
            columns: ["tcp_server --durability", "accepted/s", "server CPU µs each"]
        )
        for (durability, runs) in results {
            let costs = runs.map { Double($0.serverNanoseconds) / 1_000 / Double($0.accepted) }
            table.add([
                durability.rawValue,
                Figures(runs.map(\.acceptedPerSecond)).text(threeDigits),
                Figures(costs).text(threeDigits),
            ])
        }
        say(table.text)
        return results.compactMap { durability, runs in
            durability.least.map { least in
                let seen = Figures(runs.map(\.acceptedPerSecond)).median
                return Bar(
                    "accepted publishes, \(durability.rawValue)",
                    "≥ \(threeDigits(least))/s",
                    seen: "\(threeDigits(seen))/s",
                    isMet: seen >= least
                )
            }
        }
    }

    private func measure(_ durability: Durability) throws -> Throughput {
        let options = ["--durability", durability.rawValue, "--publish-rate", "0"]
        let server = try Server(.mesh, plan.setup, options: options)
        let receivers = try server.receivers(1)
        let publisher = try server.publisher()
        let broadcast = Broadcast(
            dialect: server.dialect,
            receivers: receivers.sockets,
            publisher: publisher.sockets[0]
        )
        try broadcast.settle()
        let profile = plan.profile?.record(server, "publish-\(durability.rawValue)")
        defer { profile?.stop() }
        return try Throughput(broadcast, .accepted(window: 1_000), span: 2 * plan.length.throughput, server: server)
    }
}
