// SPDX-License-Identifier: Apache-2.0

import Bench
import Glibc

/// 10,000 strangers come at once, stay as long as they can and come back, while somebody with a password comes in again
/// and again.
struct DoorBenchmark {
    let plan: Plan
    private let strangers = 10_000
    private let logins = 40

    private struct Outcome {
        /// By how many bytes the server's memory rose.
        let rise: Int
        let times: Histogram
    }

    func run() -> [Bar] {
        guard plan.servers.contains(.mesh) else { return [] }
        let results = plan.measure("\(strangers) strangers", [ServerKind.mesh], named: \.title) { _ in try measure() }
        let outcomes = results.flatMap { $1 }
        if outcomes.isEmpty { return [] }
        let title = "Logins with a hash of the usual cost, beside \(strangers) strangers"
        say(Latencies.table(title, [("connecting to welcome", outcomes.map(\.times))]))
        let rise = Figures(outcomes.map { Double($0.rise) / 1_048_576 }).median
        let slowest = Latencies.median(outcomes.map(\.times), 1)
        return [
            Bar(
                "memory for \(strangers) strangers",
                "≤ 100 MiB",
                seen: "\(threeDigits(rise)) MiB",
                isMet: rise <= 100
            ),
            Bar(
                "a login beside \(strangers) strangers",
                "< 1 s",
                seen: "slowest of \(logins) \(milliseconds(slowest))",
                isMet: slowest < 1e9
            ),
        ]
    }

    private func measure() throws -> Outcome {
        let server = try Server(.mesh, plan.setup)
        // What a first login takes is no part of it.
        try logIn(server.port, number: 0)
        let before = server.process.residentBytes
        let crowd = Strangers.start(strangers, port: server.port)
        var times = Histogram()
        let start = monotonicNanoseconds()
        for number in 0..<logins {
            let start = monotonicNanoseconds()
            try logIn(server.port, number: number)
            times.record(nanoseconds: monotonicNanoseconds() - start)
            poll(nil, 0, 100)
        }
        // Until those who were turned away have come back.
        while monotonicNanoseconds() - start < 8_000_000_000 { poll(nil, 0, 100) }
        let rise = server.process.peakResidentBytes - before
        if let outcome = try crowd.finish() {
            say("  \(outcome.connected) connections were made, \(outcome.turnedAway) turned away")
        }
        return Outcome(rise: rise, times: times)
    }

    /// Comes in, with as many tries as it takes, and leaves.
    private func logIn(_ port: UInt16, number: Int) throws {
        let account = Setup.guessedAccount(number)
        for _ in 0..<100 {
            let socket = try Socket.connect(port: port)
            defer { close(socket) }
            Socket.setReadTimeout(socket, seconds: 10)
            try Socket.send([UInt8]("\(account)\n\(Setup.guessedPassword)\n".utf8), to: socket)
            if try isWelcome(account, socket) { return }
        }
        throw Failure("\(account) does not get in")
    }

    private func isWelcome(_ account: String, _ socket: Int32) throws -> Bool {
        var answer: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 4_096)
        while true {
            let count = recv(socket, &chunk, chunk.count, 0)
            // Turned away, or there is no answer: another try.
            guard count > 0 else { return false }
            answer += chunk[..<count]
            if answer.text.contains("Welcome, \(account)!") { return true }
        }
    }
}
