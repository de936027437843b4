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
        let sent = try send(isShort ? 200_000 : 1_000_000, bytes: 128, from: one, to: two)
        let pings = try place.ask(one, ["ping", "two", "--format", "json", "--count", isShort ? "200" : "1000"])
        let trips = pings.matches(of: /"round_trip_us":(\d+)/).compactMap { Double($0.1) }
        let median = Figures(trips).median
        return [
            Bar(
                "texts of 128 B, acknowledged",
                "≥ 100 k/s",
                seen: "\(threeDigits(sent.rate))/s, \(sent.processor)",
                isMet: sent.rate >= 100_000
            ),
            Bar("round trip", "p50 ≤ 200 µs", seen: "p50 \(threeDigits(median)) µs", isMet: median <= 200),
        ]
    }

    /// Long texts through a session, beside openssl.
    func bulk() throws -> Bar {
        let place = Place(program: program, folder: folder)
        let (one, two) = try pair(place, counting: ["delivered to two"])
        defer { for device in [one, two] { device.stop() } }
        let sent = try send(isShort ? 5_000 : 30_000, bytes: 30_000, from: one, to: two)
        let rate = sent.rate * 30_000
        let other = try OpenSSL(folder: folder).bytesPerSecond(isShort ? 200_000_000 : 1_000_000_000)
        let share = rate / other
        let seen =
            "\(threeDigits(share)): \(threeDigits(rate / 1e6)) MB/s beside \(threeDigits(other / 1e6)) MB/s, \(sent.processor)"
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
        let memory = Figures(after.map { Double($0.residentBytes) / 1e6 })
        let own = Figures(after.map { Double($0.ownBytes) / 1e6 })
        let busiest = Figures(shares).greatest
        return [
            Bar(
                "memory of each of \(count) meshed devices",
                "≤ 30 MB",
                seen: "\(memory.text(threeDigits)) MB, of it \(own.text(threeDigits)) not shared",
                isMet: memory.greatest <= 30
            ),
            Bar(
                "processor of each, idle",
                "≤ 0.5 %",
                seen: Figures(shares).text(threeDigits) + " %",
                isMet: busiest <= 0.5
            ),
        ]
    }

    /// From the killing of the master to its being seen by all others, and to their following another.
    func crash() throws -> [Bar] {
        let place = Place(program: program, folder: folder)
        var (seen, followed): ([Double], [Double]) = ([], [])
        for _ in 0..<(isShort ? 2 : 10) {
            let devices = try (0..<5).map { try place.device("d\($0)", place.multicast) }
            defer { for device in devices { device.stop() } }
            let areAgreed = try eventually(within: 60) {
                try devices.allSatisfy { try place.ask($0, ["master"]).contains("5 of 5") }
            }
            let own = try devices.first { try place.ask($0, ["master"]).contains("this device is master") }
            guard areAgreed, let first = own else { throw Failure("five devices have not agreed on a master") }
            let master = first.name
            let others = devices.filter { $0.name != master }
            let begin = monotonicNanoseconds()
            first.kill()
            for device in others { _ = try device.waitFor("* lost \(master)") }
            seen.append(Double(monotonicNanoseconds() - begin) / 1e9)
            let areFollowing = try eventually(within: 60) {
                try others.allSatisfy { device in
                    let answer = try place.ask(device, ["master"])
                    return answer.contains("4 of 4") && !answer.contains("\(master) (")
                }
            }
            guard areFollowing else { throw Failure("no other master was agreed on") }
            followed.append(Double(monotonicNanoseconds() - begin) / 1e9)
        }
        let (slowest, last) = (Figures(seen), Figures(followed))
        return [
            Bar("a crash seen by all", "≤ 3 s", seen: "\(slowest.text(threeDigits)) s", isMet: slowest.greatest <= 3),
            Bar("another master", "≤ 5 s", seen: "\(last.text(threeDigits)) s", isMet: last.greatest <= 5),
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

    private struct Sent {
        /// Texts a second that arrive and are acknowledged.
        let rate: Double
        /// What a text takes of the processor at either end.
        let processor: String
    }

    private func send(_ count: Int, bytes: Int, from device: Device, to other: Device) throws -> Sent {
        let block = Data(
            (String(repeating: "send two " + String(repeating: "x", count: bytes) + "\n", count: 100)).utf8
        )
        let (begin, before) = (monotonicNanoseconds(), [device, other].map { Usage(of: $0.processID) })
        for _ in 0..<(count / 100) { try device.type(block) }
        let isDone = eventually(within: 300) { device.count("delivered to two") >= count }
        guard isDone else { throw Failure("\(device.count("delivered to two")) of \(count) texts were delivered") }
        let rate = Double(count) / (Double(monotonicNanoseconds() - begin) / 1e9)
        let used = zip([device, other].map { Usage(of: $0.processID) }, before).map { after, before in
            Double(after.processorNanoseconds - before.processorNanoseconds) / Double(count) / 1_000
        }
        let words = used.map(threeDigits).joined(separator: " + ")
        return Sent(rate: rate, processor: "\(words) µs of processor each")
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
