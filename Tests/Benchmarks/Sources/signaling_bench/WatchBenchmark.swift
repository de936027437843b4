// SPDX-License-Identifier: Apache-2.0

import Bench
import Foundation

/// Thousands who watch while devices change: how late a change arrives, the last of its watchers included.
struct WatchBenchmark {
    let program: String
    let watchers: Int
    let seconds: Int

    private static let changes = 100

    func run() throws -> [Bar] {
        try withFolder { folder in
            let server = try Server(program, folder: folder, options: ["--store", "memory"])
            defer { server.process.stop() }
            try server.fill(Self.changes)
            let crowd = try Crowd(watchers, port: server.port)
            try crowd.read(until: monotonicNanoseconds() + 120_000_000_000) { $0.started == watchers }
            let histogram = try changing(server) {
                try crowd.read(until: $0) { _ in false }
                return crowd.histogram
            }
            let late = histogram.quantile(0.99)
            let expected = watchers * Self.changes * seconds
            return [
                Bar(
                    "\(watchers) watchers, \(Self.changes) changes/s: from change to arrival, p99",
                    "≤ 250 ms",
                    seen: "\(milliseconds(Double(late))), \(histogram.total) of \(expected) arrived",
                    isMet: late <= 250_000_000 && histogram.total == expected
                )
            ]
        }
    }

    /// Lets devices change from a thread of its own; the name that one gives itself tells when it did.
    private func changing(_ server: Server, _ read: (Int) throws -> Histogram) throws -> Histogram {
        let port = server.port
        let seconds = seconds
        let start = monotonicNanoseconds() + 500_000_000
        let group = DispatchGroup()
        group.enter()
        let failed = UnsafeMutablePointer<Bool>.allocate(capacity: 1)
        failed.initialize(to: false)
        defer { failed.deallocate() }
        nonisolated(unsafe) let flag = failed
        Thread.detachNewThread {
            do {
                let connection = try Connection(port: port)
                for number in 0..<(seconds * Self.changes) {
                    wait(until: start + number * 1_000_000_000 / Self.changes)
                    let id = "device-\(String(format: "%08d", number % Self.changes))"
                    let body = "{\"id\":\"\(id)\",\"name\":\"@\(monotonicNanoseconds())e\",\"ttl\":86400}"
                    guard try connection.ask(request("POST", "/register", port: port, body: body)).status == 200 else {
                        throw Failure("a change was refused")
                    }
                }
            } catch {
                flag.pointee = true
            }
            group.leave()
        }
        let histogram = try read(start + (seconds + 3) * 1_000_000_000)
        group.wait()
        if failed.pointee { throw Failure("a change was refused") }
        return histogram
    }
}

/// Many watchers, read by one thread.
private final class Crowd {
    private let poller = Poller()
    private var descriptors: [Int32] = []
    /// The last of what came, in which a time may have been cut.
    private var rests: [Int32: [UInt8]] = [:]
    private var isStarted: Set<Int32> = []
    var started: Int { isStarted.count }
    private(set) var histogram = Histogram()
    private var chunk = [UInt8](repeating: 0, count: 262_144 + 64)

    init(_ count: Int, port: UInt16) throws {
        for _ in 0..<count {
            let descriptor = try connectedSocket(port: port)
            let bytes = Array("GET /devices/watch HTTP/1.1\r\nHost: 127.0.0.1:\(port)\r\n\r\n".utf8)
            guard write(descriptor, bytes, bytes.count) == bytes.count else { throw Failure("a watcher could not ask") }
            poller.add(descriptor, tag: Int(descriptor))
            descriptors.append(descriptor)
        }
    }

    deinit {
        for descriptor in descriptors { close(descriptor) }
    }

    func read(until deadline: Int, _ isEnough: (Crowd) -> Bool) throws {
        while monotonicNanoseconds() < deadline, !isEnough(self) {
            for event in 0..<poller.wait(nanoseconds: 100_000_000) { try read(Int32(poller.tag(event))) }
        }
    }

    private func read(_ descriptor: Int32) throws {
        var rest = rests.removeValue(forKey: descriptor) ?? []
        let kept = rest.count
        chunk.replaceSubrange(0..<kept, with: rest)
        let count = chunk.withUnsafeMutableBytes { Glibc.read(descriptor, $0.baseAddress?.advanced(by: kept), 262_144) }
        guard count > 0 else { throw Failure("a watcher was cut off") }
        let now = monotonicNanoseconds()
        chunk.withUnsafeBytes { buffer in
            let all = UnsafeRawBufferPointer(rebasing: buffer[..<(kept + count)])
            if !isStarted.contains(descriptor), place(of: "ynced", in: all, from: 0) != nil {
                isStarted.insert(descriptor)
            }
            var position = 0
            while let found = place(of: "@", in: all, from: position) {
                guard let (time, end) = Self.number(in: all, from: found + 1) else { break }
                histogram.record(nanoseconds: now - time)
                position = end
            }
            // A mark or a number that is not whole comes whole with the next bytes.
            rest = Array(all[max(position, all.count - 64)...])
        }
        rests[descriptor] = rest
    }

    /// The digits up to an `e`, and where they end; nil where the `e` has not come.
    private static func number(in bytes: UnsafeRawBufferPointer, from start: Int) -> (value: Int, end: Int)? {
        var value = 0
        for position in start..<bytes.count {
            if bytes[position] == UInt8(ascii: "e") { return (value, position) }
            value = value * 10 + Int(bytes[position]) - 48
        }
        return nil
    }
}
