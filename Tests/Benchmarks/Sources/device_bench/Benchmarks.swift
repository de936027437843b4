// SPDX-License-Identifier: Apache-2.0

import Bench
import Foundation

/// What is measured of devices.
struct Benchmarks {
    let program: String
    let folder: String
    let isShort: Bool

    /// From the moment when the later of two devices is up to the moment when both have proven the other.
    func start(_ way: KeyPath<Place, [String]>, _ name: String) throws -> Bar {
        var times = Histogram()
        for _ in 0..<(isShort ? 10 : 100) {
            let place = Place(program: program, folder: folder)
            let one = try place.device("one", place[keyPath: way])
            let first = try one.waitFor("listening at")
            let two = try place.device("two", place[keyPath: way])
            defer { for device in [one, two] { device.stop() } }
            let second = try two.waitFor("listening at")
            let (here, there) = (try one.waitFor("* connected to two"), try two.waitFor("* connected to one"))
            times.record(nanoseconds: max(here, there) - max(first, second))
        }
        let (median, tail) = (milliseconds(times.quantile(0.5)), milliseconds(times.quantile(0.99)))
        let seen = "p50 \(threeDigits(median)) ms, p99 \(threeDigits(tail)) ms"
        return Bar("both up to a proven session, by \(name)", "p99 ≤ 150 ms", seen: seen, isMet: tail <= 150)
    }

    /// Texts through a session, each acknowledged when it was shown and noted.
    func messages() throws -> [Bar] {
        let place = Place(program: program, folder: folder)
        let (one, two) = try pair(place, counting: ["delivered to two"])
        defer { for device in [one, two] { device.stop() } }
        let rate = try send(isShort ? 50_000 : 500_000, bytes: 128, from: one)
        var trips: [Double] = []
        for _ in 0..<(isShort ? 50 : 300) {
            let answer = try place.ask(one, ["ping", "two", "--format", "json"])
            if let trip = answer.firstMatch(of: /"round_trip_us":(\d+)/), let time = Double(trip.1) {
                trips.append(time)
            }
        }
        let median = Figures(trips).median
        return [
            Bar("texts of 128 B, acknowledged", "≥ 100 k/s", seen: "\(threeDigits(rate))/s", isMet: rate >= 100_000),
            Bar("round trip", "p50 ≤ 200 µs", seen: "p50 \(threeDigits(median)) µs", isMet: median <= 200),
        ]
    }

    /// Long texts through a session, beside openssl.
    func bulk() throws -> Bar {
        let place = Place(program: program, folder: folder)
        let (one, two) = try pair(place, counting: ["delivered to two"])
        defer { for device in [one, two] { device.stop() } }
        let rate = try send(isShort ? 3_000 : 20_000, bytes: 30_000, from: one) * 30_000
        let other = try OpenSSL(folder: folder).bytesPerSecond(isShort ? 200_000_000 : 1_000_000_000)
        let share = rate / other
        let seen = "\(threeDigits(share)): \(threeDigits(rate / 1e6)) MB/s beside \(threeDigits(other / 1e6)) MB/s"
        return Bar("bulk through a session", "≥ 0.5 of openssl", seen: seen, isMet: share >= 0.5)
    }

    func idle() throws -> [Bar] {
        let place = Place(program: program, folder: folder)
        let count = isShort ? 20 : 50
        let devices = try (0..<count).map { try place.device("d\($0)", place.multicast) }
        defer { for device in devices { device.stop() } }
        let isMeshed = eventually(within: 120) {
            devices.allSatisfy { $0.lines(with: "* connected to").count >= count - 1 }
        }
        guard isMeshed else { throw Failure("not all of \(count) devices have met") }
        wait(seconds: 5)
        let before = devices.map { Usage(of: $0.processID).processorNanoseconds }
        let seconds = isShort ? 5 : 20
        wait(seconds: seconds)
        let after = devices.map { Usage(of: $0.processID) }
        let shares = zip(before, after).map { Double($1.processorNanoseconds - $0) / Double(seconds) / 1e7 }
        let memory = after.map { Double($0.residentBytes) / 1e6 }
        let (most, busiest) = (Figures(memory).greatest, Figures(shares).greatest)
        return [
            Bar(
                "memory of each of \(count) meshed devices",
                "≤ 30 MB",
                seen: Figures(memory).text(threeDigits) + " MB",
                isMet: most <= 30
            ),
            Bar(
                "processor of each, idle",
                "≤ 0.5 %",
                seen: Figures(shares).text(threeDigits) + " %",
                isMet: busiest <= 0.5
            ),
        ]
    }

    /// From a set at one device to the telling of it at each of ten others.
    func visible() throws -> Bar {
        let place = Place(program: program, folder: folder)
        let devices = try (0...10).map { try place.device("d\($0)", place.multicast) }
        defer { for device in devices { device.stop() } }
        for device in devices {
            for other in devices where other.name != device.name {
                _ = try device.waitFor("* connected to \(other.name) ")
            }
            try device.type("watch")
            _ = try device.waitFor("telling each change")
        }
        var times = Histogram()
        for number in 0..<(isShort ? 50 : 500) {
            let begin = monotonicNanoseconds()
            try devices[0].type("set key value-\(number).")
            for device in devices.dropFirst() {
                times.record(nanoseconds: try device.waitFor("= value-\(number).") - begin)
            }
        }
        let (median, tail) = (milliseconds(times.quantile(0.5)), milliseconds(times.quantile(0.99)))
        let seen = "p50 \(threeDigits(median)) ms, p99 \(threeDigits(tail)) ms"
        return Bar("a set visible at ten peers", "p99 ≤ 50 ms", seen: seen, isMet: tail <= 50)
    }

    /// What a replica that was away while 1,000 keys of many changed has to be sent.
    func catchUp() throws -> Bar {
        let place = Place(program: program, folder: folder)
        let (one, two) = try pair(place, counting: ["set key-"])
        defer { one.stop() }
        let (count, value) = (isShort ? 5_000 : 100_000, String(repeating: "v", count: 100))
        try write(0..<count, value, at: one)
        let last = "key-\(count - 1)"
        let hasAll = try eventually(within: 120) { try place.ask(two, ["keys", last]).contains(last) }
        two.stop()
        guard hasAll else { throw Failure("the replica did not get all keys") }
        try write(0..<1_000, value.replacing("v", with: "w"), at: one, begun: count)
        let back = try place.device("two", place.multicast)
        defer { back.stop() }
        let newest = try eventually(within: 60) { try place.ask(back, ["get", "key-999"]).hasPrefix("w") }
        guard newest else { throw Failure("the replica did not catch up") }
        let answer = try place.ask(back, ["peers", "--format", "json"])
        guard let bytes = answer.firstMatch(of: /"received_bytes":(\d+)/).flatMap({ Double($0.1) }) else {
            throw Failure("no bytes in \(answer)")
        }
        let theirs = (0..<1_000).reduce(0) { $0 + "key-\($1)".utf8.count + value.utf8.count }
        let share = bytes / Double(theirs)
        return Bar(
            "a replica that missed 1,000 of \(count) keys",
            "≤ 2 × their bytes",
            seen: "\(threeDigits(share)) × \(threeDigits(Double(theirs) / 1_000)) kB",
            isMet: share <= 2
        )
    }
}

extension Benchmarks {
    private func milliseconds(_ nanoseconds: Int) -> Double { Double(nanoseconds) / 1e6 }

    private func pair(_ place: Place, counting: [String]) throws -> (Device, Device) {
        let one = try place.device("one", place.multicast, counting: counting)
        let two = try place.device("two", place.multicast, counting: ["one: "])
        _ = try one.waitFor("* connected to two")
        _ = try two.waitFor("* connected to one")
        return (one, two)
    }

    /// How many texts a second arrive and are acknowledged.
    private func send(_ count: Int, bytes: Int, from device: Device) throws -> Double {
        let line = "send two " + String(repeating: "x", count: bytes)
        let begin = monotonicNanoseconds()
        let block = Array(repeating: line, count: 100).joined(separator: "\n")
        for _ in 0..<(count / 100) { try device.type(block) }
        let isDone = eventually(within: 300) { device.count("delivered to two") >= count }
        guard isDone else { throw Failure("\(device.count("delivered to two")) of \(count) texts were delivered") }
        return Double(count) / (Double(monotonicNanoseconds() - begin) / 1e9)
    }

    private func write(_ keys: Range<Int>, _ value: String, at device: Device, begun: Int = 0) throws {
        for start in stride(from: keys.lowerBound, to: keys.upperBound, by: 100) {
            let lines = (start..<min(start + 100, keys.upperBound)).map { "set key-\($0) \(value)" }
            try device.type(lines.joined(separator: "\n"))
        }
        let isDone = eventually(within: 900) { device.count("set key-") >= begun + keys.count }
        guard isDone else { throw Failure("\(device.count("set key-") - begun) of \(keys.count) keys were set") }
    }
}
