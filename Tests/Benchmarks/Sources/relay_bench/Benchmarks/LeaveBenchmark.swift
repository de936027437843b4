// SPDX-License-Identifier: Apache-2.0

import Bench
import Foundation

/// 10,000 clients leave within a second, while one that stays asks again and again whether the server is there.
struct LeaveBenchmark {
    let plan: Plan
    private let clients = 10_000

    func run() -> [Bar] {
        guard plan.servers.contains(.mesh) else { return [] }
        let results = plan.measure("\(clients) clients leave", [ServerKind.mesh], named: \.title) { _ in try measure() }
        let before = results.flatMap { $1.map(\.before) }
        let during = results.flatMap { $1.map(\.during) }
        if during.isEmpty { return [] }
        let rows = [("before", before), ("while \(clients) leave", during)]
        say(Latencies.table("Round trips of one client that stays", rows))
        let seen = Latencies.median(during, 1)
        return [
            Bar(
                "\(clients) clients leaving within a second",
                "no turn over 50 ms",
                seen: "longest round trip \(milliseconds(seen))",
                isMet: seen <= 50e6
            )
        ]
    }

    private func measure() throws -> (before: Histogram, during: Histogram) {
        let server = try Server(.mesh, plan.setup)
        let fleet = Fleet(port: server.port, dialect: server.dialect)
        try fleet.grow(to: clients, role: .idler)
        let before = try probe(server) { wait(seconds: 2) }
        let during = try probe(server) {
            try leave(fleet)
            wait(seconds: 1)
        }
        return (before, during)
    }

    private func probe(_ server: Server, _ body: () throws -> Void) throws -> Histogram {
        let probe = try Probe.start(port: server.port, number: clients)
        try body()
        return try probe.finish() ?? Histogram()
    }

    /// Closes a hundredth of the connections every ten milliseconds.
    private func leave(_ fleet: Fleet) throws {
        let start = monotonicNanoseconds()
        for step in 1...100 {
            for _ in 0..<clients / 100 { close(fleet.takeLast()) }
            wait(until: start + step * 10_000_000)
        }
    }
}
