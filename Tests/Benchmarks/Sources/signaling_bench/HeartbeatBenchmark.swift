// SPDX-License-Identifier: Apache-2.0

import Bench
import Foundation
import Synchronization

/// Signed heartbeats of many devices, signed as they are sent, at a rate that is kept; how late an answer is counts from
/// when its request was due.
struct HeartbeatBenchmark {
    let program: String
    let seconds: Int

    private static let rate = 5_000
    private static let threads = 16

    func run() throws -> [Bar] {
        try withFolder { folder in
            let server = try Server(program, folder: folder)
            defer { server.process.stop() }
            let histogram = Mutex(Histogram())
            let failures = Mutex<[String]>([])
            let port = server.port
            let group = DispatchGroup()
            let start = monotonicNanoseconds() + 1_000_000_000
            for thread in 0..<Self.threads {
                group.enter()
                Thread.detachNewThread {
                    do {
                        let own = try Self.beat(thread, port: port, from: start, seconds: seconds)
                        histogram.withLock { all in for latency in own { all.record(nanoseconds: latency) } }
                    } catch {
                        failures.withLock { $0.append("\(error)") }
                    }
                    group.leave()
                }
            }
            group.wait()
            if let failure = failures.withLock({ $0.first }) { throw Failure(failure) }
            let took = Double(monotonicNanoseconds() - start) / 1e9
            let (total, late) = histogram.withLock { ($0.total, $0.quantile(0.99)) }
            let rate = Double(total) / took
            return [
                Bar(
                    "signed heartbeats, \(Self.rate)/s wanted for \(seconds) s",
                    "≥ 5000/s, p99 ≤ 20 ms",
                    seen: "\(threeDigits(rate))/s, p99 \(milliseconds(Double(late)))",
                    isMet: rate >= 0.99 * 5_000 && late <= 20_000_000
                )
            ]
        }
    }

    private static func beat(_ thread: Int, port: UInt16, from start: Int, seconds: Int) throws -> [Int] {
        let connection = try Connection(port: port)
        let keys = try (0..<32).map { _ in try DeviceKey() }
        for key in keys {
            let answer = try connection.ask(
                try key.signed("POST", "/register", port: port, body: "{\"id\":\"\(key.id)\"}")
            )
            guard answer.status == 201 else { throw Failure("a registration was answered with \(answer.status)") }
        }
        var latencies: [Int] = []
        let step = 1_000_000_000 * threads / rate
        for number in 0..<(seconds * rate / threads) {
            let due = start + number * step + thread * step / threads
            pause(until: due)
            let key = keys[number % keys.count]
            let answer = try connection.ask(try key.signed("POST", "/devices/\(key.id)/heartbeat", port: port))
            guard answer.status == 200 else { throw Failure("a heartbeat was answered with \(answer.status)") }
            latencies.append(monotonicNanoseconds() - due)
        }
        return latencies
    }
}

/// To within some microseconds.
private func pause(until due: Int) {
    let rest = due - monotonicNanoseconds()
    guard rest > 0 else { return }
    var time = timespec(tv_sec: rest / 1_000_000_000, tv_nsec: rest % 1_000_000_000)
    pselect(0, nil, nil, nil, &time, nil)
}
