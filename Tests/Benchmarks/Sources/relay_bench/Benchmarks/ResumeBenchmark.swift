// SPDX-License-Identifier: Apache-2.0

import Bench

/// 2,000 clients come back by ticket to a server that was killed, and are given the 500 messages that they missed.
struct ResumeBenchmark {
    let plan: Plan
    private let clients = 2_000
    private let known = 100
    private let missed = 500

    func run() -> [Bar] {
        guard plan.servers.contains(.mesh) else { return [] }
        let results = plan.measure("\(clients) clients come back", [ServerKind.mesh], named: \.title) { _ in
            try measure()
        }
        let runs = results.flatMap { $1 }
        if runs.isEmpty { return [] }
        var table = Table(
            "\(clients) clients back by ticket after kill -9, each with \(missed) missed messages",
            columns: ["from the start of the new process", "seconds"]
        )
        table.add(["it takes connections", Figures(runs.map(\.ready)).text(threeDigits)])
        table.add(["all are back and caught up", Figures(runs.map(\.caughtUp)).text(threeDigits)])
        say(table.text)
        let seen = Figures(runs.map(\.caughtUp)).median
        return [
            Bar(
                "\(clients) clients back and caught up by ticket after a restart",
                "≤ 2 s",
                seen: "\(threeDigits(seen)) s",
                isMet: seen <= 2
            )
        ]
    }

    /// Both in seconds from the start of the new process.
    private func measure() throws -> (ready: Double, caughtUp: Double) {
        let server = try Server(.mesh, plan.setup)
        let author = try Author(server)
        try author.publish(0..<known)
        let fleet = try server.receivers(clients)
        let sessions = try zip(1..., fleet.answers).map { try Mesh.Session(number: $0, answer: $1) }
        fleet.closeAll()
        try author.publish(known..<known + missed)
        server.process.kill()
        let start = monotonicNanoseconds()
        try server.start()
        let ready = monotonicNanoseconds()
        let profile = plan.profile?.record(server, "resume")
        defer { profile?.stop() }
        try Returning().comeBack(sessions, to: server.port, missed: known..<known + missed)
        let caughtUp = monotonicNanoseconds()
        return (Double(ready - start) / 1e9, Double(caughtUp - start) / 1e9)
    }
}
