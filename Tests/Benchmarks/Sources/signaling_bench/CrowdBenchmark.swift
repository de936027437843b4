// SPDX-License-Identifier: Apache-2.0

import Bench
import Foundation

/// A hundred thousand devices: memory, look-ups, what one more costs, and a restart.
struct CrowdBenchmark {
    let program: String

    func run() throws -> [Bar] {
        try withFolder { folder in
            let server = try Server(program, folder: folder)
            try server.fill(1_000)
            let few = try cost(server)
            try server.fill(98_500, from: 1_000)
            let many = try cost(server)
            let lookUps = try lookUp(server)
            let resident = server.process.residentBytes
            server.process.stop()
            let start = monotonicNanoseconds()
            let again = try Server(program, folder: folder)
            let restart = monotonicNanoseconds() - start
            let connection = try Connection(port: again.port)
            let answer = try connection.ask(request("GET", "/devices/device-00099000", port: again.port))
            guard answer.status == 200 else { throw Failure("a device was lost in the restart: \(answer.status)") }
            let afterwards = again.process.residentBytes
            again.process.stop()
            let ratio = many / few
            return [
                Bar(
                    "99500 devices, resident (after a restart)",
                    "≤ 200 MB",
                    seen: "\(resident / 1_000_000) MB (\(afterwards / 1_000_000) MB)",
                    isMet: max(resident, afterwards) <= 200_000_000
                ),
                Bar(
                    "a look-up among them, p99",
                    "≤ 5 ms",
                    seen: milliseconds(Double(lookUps)),
                    isMet: lookUps <= 5_000_000
                ),
                Bar(
                    "from a restart to serving",
                    "≤ 2 s",
                    seen: milliseconds(Double(restart)),
                    isMet: restart <= 2_000_000_000
                ),
                Bar(
                    "processor time of a registration, 100000 devices against 1000",
                    "≤ 1.3 ×",
                    seen: "\(threeDigits(ratio)) ×, \(threeDigits(many / 1_000)) µs",
                    isMet: ratio <= 1.3
                ),
            ]
        }
    }

    /// Nanoseconds of the server's processor time for one new device: 500 come and go again, five times.
    private func cost(_ server: Server) throws -> Double {
        let connection = try Connection(port: server.port)
        var costs: [Double] = []
        for round in 0..<5 {
            let before = server.process.processorNanoseconds
            let first = 90_000_000 + round * 500
            for start in stride(from: first, to: first + 500, by: 50) {
                let numbers = start..<(start + 50)
                // Spread over the whole order of ids, not all at its end.
                let bodies = numbers.map { spread($0, server) }
                try connection.send(bodies.flatMap { $0.register })
                _ = try connection.answers(50)
                try connection.send(bodies.flatMap { $0.leave })
                _ = try connection.answers(50)
            }
            costs.append(Double(server.process.processorNanoseconds - before) / 500)
        }
        return Figures(costs).median
    }

    private func spread(_ number: Int, _ server: Server) -> (register: [UInt8], leave: [UInt8]) {
        let id = "device-\(String(format: "%08d", number * 7_919 % 100_000))x\(number)"
        return (
            request("POST", "/register", port: server.port, body: "{\"id\":\"\(id)\",\"port\":9000,\"ttl\":86400}"),
            request("DELETE", "/devices/\(id)", port: server.port)
        )
    }

    private func lookUp(_ server: Server) throws -> Int {
        let connection = try Connection(port: server.port)
        var histogram = Histogram()
        for number in 0..<20_000 {
            let id = "device-\(String(format: "%08d", number * 7_919 % 99_000))"
            let start = monotonicNanoseconds()
            let answer = try connection.ask(request("GET", "/devices/\(id)", port: server.port))
            guard answer.status == 200 else { throw Failure("a look-up of \(id) was answered with \(answer.status)") }
            histogram.record(nanoseconds: monotonicNanoseconds() - start)
        }
        return histogram.quantile(0.99)
    }
}
