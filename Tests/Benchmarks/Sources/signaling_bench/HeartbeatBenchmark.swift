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
    private static let devices = 512

    func run() throws -> [Bar] {
        try withFolder { folder in
            let server = try Server(program, folder: folder)
            defer { server.process.stop() }
            let port = server.port
            let beats = seconds * Self.rate
            let devices = try Self.inParallel { try Beater($0, of: beats, port: port) }
            let before = server.process.processorNanoseconds
            let start = monotonicNanoseconds() + 500_000_000
            let histogram = try Self.beat(devices, beats, from: start)
            let took = Double(monotonicNanoseconds() - start) / 1e9
            let spent = server.process.processorNanoseconds - before
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

    /// Sends each request when it is due, whatever is still to be answered, and tells how late the answers came.
    ///
    /// One thread for all: what it does not need is the server's.
    private static func beat(_ devices: [Beater], _ beats: Int, from start: Int) throws -> Histogram {
        var histogram = Histogram()
        var sent = 0
        let poller = Poller()
        for (number, device) in devices.enumerated() { poller.add(device.connection.descriptor, tag: number) }
        while histogram.total < beats {
            let elapsed = monotonicNanoseconds() - start
            while sent < beats, due(sent) <= elapsed {
                try devices[sent % devices.count].beat(due: start + due(sent))
                sent += 1
            }
            for event in 0..<poller.wait(nanoseconds: 1_000_000) {
                for lateness in try devices[poller.tag(event)].answers() { histogram.record(nanoseconds: lateness) }
            }
        }
        return histogram
    }

    /// After the start, in nanoseconds.
    private static func due(_ number: Int) -> Int { number * 1_000_000_000 / rate }

    /// Makes the devices on all processors.
    private static func inParallel(_ make: @Sendable (Int) throws -> Beater) throws -> [Beater] {
        let results = Mutex<[Int: Result<Beater, any Error>]>([:])
        DispatchQueue.concurrentPerform(iterations: devices) { number in
            let result = Result { try make(number) }
            results.withLock { $0[number] = result }
        }
        return try results.withLock { $0 }.sorted { $0.key < $1.key }.map { try $0.value.get() }
    }

    /// A device, its connection, and all that it will say.
    private final class Beater: @unchecked Sendable {
        // Made by one thread, and then used by one other.
        let connection: Connection
        private let requests: [[UInt8]]
        private var sent = 0
        /// When the requests that are not answered were due.
        private var dues: ArraySlice<Int> = []

        init(_ number: Int, of beats: Int, port: UInt16) throws {
            connection = try Connection(port: port)
            let key = try DeviceKey()
            let body = "{\"id\":\"\(key.id)\"}"
            let answer = try connection.ask(try key.signed("POST", "/register", port: port, body: body))
            guard answer.status == 201 else { throw Failure("a registration was answered with \(answer.status)") }
            let now = Date()
            requests = try stride(from: number, to: beats, by: devices).map { beat in
                // Some seconds go by before the first is sent, well within the time that a signature counts.
                let date = now + Double(due(beat)) / 1e9
                return try key.signed("POST", "/devices/\(key.id)/heartbeat", port: port, at: date)
            }
        }

        func beat(due: Int) throws {
            try connection.send(requests[sent])
            sent += 1
            dues.append(due)
        }

        /// How late those came that are there.
        func answers() throws -> [Int] {
            try connection.receive()
            var lateness: [Int] = []
            while let answer = connection.nextAnswer() {
                guard answer.status == 200 else { throw Failure("a heartbeat was answered with \(answer.status)") }
                guard let due = dues.popFirst() else { throw Failure("an answer to nothing") }
                lateness.append(monotonicNanoseconds() - due)
            }
            return lateness
        }
    }
}
