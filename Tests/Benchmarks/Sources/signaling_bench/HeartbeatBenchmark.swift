// SPDX-License-Identifier: Apache-2.0

import Bench
import Foundation
import Synchronization

/// Signed heartbeats of many devices at a rate that is kept; how late an answer is counts from when its request was due.
///
/// The requests are signed before, as devices have processors of their own: what shares the server's is no more than what
/// writes and reads them.
struct HeartbeatBenchmark {
    let program: String
    let seconds: Int

    private static let rate = 5_000
    private static let threads = 16

    func run() throws -> [Bar] {
        try withFolder { folder in
            let server = try Server(program, folder: folder)
            defer { server.process.stop() }
            let port = server.port
            let seconds = seconds
            let beaters = try Self.inParallel { thread in try Beater(thread, port: port, seconds: seconds) }
            let before = server.process.processorNanoseconds
            let start = monotonicNanoseconds() + 500_000_000
            let latencies = try Self.inParallel { thread in try beaters[thread].beat(from: start) }
            let took = Double(monotonicNanoseconds() - start) / 1e9
            let spent = server.process.processorNanoseconds - before
            var histogram = Histogram()
            for latency in latencies.joined() { histogram.record(nanoseconds: latency) }
            let rate = Double(histogram.total) / took
            let late = histogram.quantile(0.99)
            let each = Double(spent) / Double(histogram.total) / 1_000
            return [
                Bar(
                    "signed heartbeats, \(Self.rate)/s wanted for \(seconds) s",
                    "≥ 5000/s, p99 ≤ 20 ms",
                    seen:
                        "\(threeDigits(rate))/s, p99 \(milliseconds(Double(late))), \(threeDigits(each)) µs of the server each",
                    isMet: rate >= 0.99 * Double(Self.rate) && late <= 20_000_000
                )
            ]
        }
    }

    /// Runs a part on a thread each, and gives what they make in their order.
    private static func inParallel<Value: Sendable>(_ part: @Sendable @escaping (Int) throws -> Value) throws -> [Value]
    {
        let results = Mutex<[Int: Result<Value, any Error>]>([:])
        let group = DispatchGroup()
        for thread in 0..<threads {
            group.enter()
            Thread.detachNewThread {
                let result = Result { try part(thread) }
                results.withLock { $0[thread] = result }
                group.leave()
            }
        }
        group.wait()
        return try results.withLock { $0 }.sorted { $0.key < $1.key }.map { try $0.value.get() }
    }

    /// A part of the devices, and all that they will say.
    private final class Beater: @unchecked Sendable {
        // Made by one thread, and then used by one other.
        private let connection: Connection
        private let requests: [[UInt8]]
        private let thread: Int

        init(_ thread: Int, port: UInt16, seconds: Int) throws {
            self.thread = thread
            let connection = try Connection(port: port)
            let keys = try (0..<32).map { _ in try DeviceKey() }
            for key in keys {
                let answer = try connection.ask(
                    try key.signed("POST", "/register", port: port, body: "{\"id\":\"\(key.id)\"}")
                )
                guard answer.status == 201 else { throw Failure("a registration was answered with \(answer.status)") }
            }
            let now = Date()
            requests = try (0..<(seconds * rate / threads)).map { number in
                // Some seconds go by before the first is sent, well within the time that a signature counts.
                let date = now + Double(number * threads) / Double(rate)
                let key = keys[number % keys.count]
                return try key.signed("POST", "/devices/\(key.id)/heartbeat", port: port, at: date)
            }
            self.connection = connection
        }

        /// How late each answer came.
        func beat(from start: Int) throws -> [Int] {
            let step = 1_000_000_000 * threads / rate
            return try requests.enumerated().map { number, request in
                let due = start + number * step + thread * step / threads
                pause(until: due)
                let answer = try connection.ask(request)
                guard answer.status == 200 else { throw Failure("a heartbeat was answered with \(answer.status)") }
                return monotonicNanoseconds() - due
            }
        }
    }
}

/// To within some microseconds.
private func pause(until due: Int) {
    let rest = due - monotonicNanoseconds()
    guard rest > 0 else { return }
    var time = timespec(tv_sec: rest / 1_000_000_000, tv_nsec: rest % 1_000_000_000)
    pselect(0, nil, nil, nil, &time, nil)
}
