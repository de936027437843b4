// SPDX-License-Identifier: Apache-2.0

import Bench
import Foundation

/// Devices that come, change and go for hours, watched by some: whether memory grows.
struct ChurnBenchmark {
    let program: String
    let minutes: Int

    func run() throws -> [Bar] {
        try withFolder { folder in
            let server = try Server(program, folder: folder)
            defer { server.process.stop() }
            let end = monotonicNanoseconds() + minutes * 60_000_000_000
            let warm = end - minutes * 60_000_000_000 * 2 / 3
            var samples: [Double] = []
            var round = 0
            while monotonicNanoseconds() < end {
                try churn(server, round)
                round += 1
                if monotonicNanoseconds() > warm { samples.append(Double(server.process.residentBytes)) }
                wait(seconds: 1)
            }
            let third = max(1, samples.count / 3)
            let first = Figures(Array(samples.prefix(third))).median
            let last = Figures(Array(samples.suffix(third))).median
            let growth = last / first - 1
            return [
                Bar(
                    "\(minutes) min of churn: memory at the end against after warm-up",
                    "≤ 2 %",
                    seen: "\(threeDigits(growth * 100)) %, \(Int(last / 1_000_000)) MB",
                    isMet: growth <= 0.02
                )
            ]
        }
    }

    /// 500 come, change and go; 500 fall silent; some watch and break off.
    private func churn(_ server: Server, _ round: Int) throws {
        let connection = try Connection(port: server.port)
        let watchers = try (0..<20).map { _ in try Connection(port: server.port) }
        for watcher in watchers { try watcher.send(request("GET", "/devices/watch", port: server.port)) }
        try server.fill(500, from: round % 50 * 1_000, ttl: 5)
        try server.fill(500, from: round % 50 * 1_000 + 500, ttl: 5)
        for number in 0..<500 {
            let id = "device-\(String(format: "%08d", round % 50 * 1_000 + number))"
            try connection.send(request("DELETE", "/devices/\(id)", port: server.port))
        }
        _ = try connection.answers(500)
    }
}
