// SPDX-License-Identifier: Apache-2.0

import MeshCore
import NIOCore
import SwiftProtobuf
import TestSupport
import Testing

@Suite struct RoomLogTests {
    private let alice = Member(number: 0, name: .named("alice"))
    private let bob = Member(number: 1, name: .named("bob"))

    private func log(messages: Int = 1_000, bytes: Int = 1 << 20) -> RoomLog {
        RoomLog(id: 1, room: lobby, retention: .init(messages: messages, bytes: bytes))
    }

    /// All that the cursor is given, as lines; a gap as `gap a-b`.
    private func drain(_ log: inout RoomLog, _ cursor: inout Cursor, limit: Int = 1 << 20) -> [String] {
        var lines: [String] = []
        while let delivery = log.read(&cursor, in: .lines, limit: limit) {
            switch delivery {
            case .gap(let first, let last): lines.append("gap \(first)-\(last)")
            case .messages(let slices):
                lines += slices.flatMap { String(buffer: $0).split(separator: "\n").map(String.init) }
            }
        }
        return lines
    }

    @Test func `messages are numbered from 1 without a hole, and readable once sealed`() {
        var log = log()
        var cursor = log.start(of: bob)
        let sequences = [log.append("one", by: alice, at: .init()), log.append("two", by: alice, at: .init())]
        #expect(sequences == [1, 2])
        #expect(log.head == 0)
        #expect(drain(&log, &cursor) == [])
        let seals = [log.seal(), log.seal()]
        #expect(seals == [true, false])
        let third = log.append("three", by: alice, at: .init())
        #expect(third == 3)
        #expect(log.head == 2)
        #expect(drain(&log, &cursor) == ["[alice]: one", "[alice]: two"])
    }

    @Test func `own messages are history at the login and passed over afterwards`() {
        var log = log()
        _ = log.append("before", by: alice, at: .init())
        _ = log.seal()
        var cursor = log.start(of: alice)
        for text in ["a", "b"] { _ = log.append(text, by: alice, at: .init()) }
        _ = log.append("hi", by: bob, at: .init())
        _ = log.append("c", by: alice, at: .init())
        _ = log.seal()
        #expect(drain(&log, &cursor) == ["[alice]: before", "[bob]: hi"])
    }

    @Test func `a reader who comes back gets what came after, and nothing twice`() {
        var log = log()
        for number in 1...5 {
            _ = log.append("\(number)", by: alice, at: .init())
            _ = log.seal()
        }
        var cursor = log.resume(after: 3, member: bob)
        #expect(drain(&log, &cursor) == ["[alice]: 4", "[alice]: 5"])
        var ahead = log.resume(after: 99, member: bob)
        _ = log.append("6", by: alice, at: .init())
        _ = log.seal()
        #expect(drain(&log, &ahead) == ["[alice]: 6"])
    }

    @Test func `a reader who fell behind is told the first and the last that it missed`() {
        var log = log(messages: 3)
        var cursor = log.start(of: bob)
        for number in 1...10 {
            _ = log.append("\(number)", by: alice, at: .init())
            _ = log.seal()
        }
        #expect(log.first == 8)
        #expect(drain(&log, &cursor) == ["gap 1-7", "[alice]: 8", "[alice]: 9", "[alice]: 10"])
    }

    @Test func `history is the newest messages, also where batches are larger`() {
        var log = log(messages: 3)
        for number in 1...10 { _ = log.append("\(number)", by: alice, at: .init()) }
        _ = log.seal()
        var cursor = log.start(of: bob)
        #expect(drain(&log, &cursor) == ["[alice]: 8", "[alice]: 9", "[alice]: 10"])
    }

    @Test func `the bytes that are remembered are bounded`() {
        var log = log(messages: 1_000, bytes: 100_000)
        for _ in 1...1_000 {
            _ = log.append(String(repeating: "x", count: 10_000), by: alice, at: .init())
            _ = log.seal()
        }
        #expect(log.head - log.first < 10)
    }

    @Test func `a limit of bytes cuts between messages, and each read gives at least one`() {
        var log = log()
        for _ in 1...20 { _ = log.append(String(repeating: "x", count: 90), by: alice, at: .init()) }
        _ = log.seal()
        var cursor = log.start(of: bob)
        var sizes: [Int] = []
        while case .messages(let slices)? = log.read(&cursor, in: .lines, limit: 250) {
            sizes.append(slices.reduce(0) { $0 + $1.readableBytes })
        }
        // A line is 100 bytes: three pass the limit.
        #expect(sizes == [300, 300, 300, 300, 300, 300, 200])
    }

    @Test(arguments: [1, 2, 3] as [UInt64])
    func `any pace of reading gives each reader all of the others' messages in order`(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        let members = (0..<4).map { Member(number: $0, name: .named("m\($0)")) }
        var log = log(messages: 10_000, bytes: 1 << 30)
        var cursors = members.map { log.start(of: $0) }
        var seen = [[String]](repeating: [], count: members.count)
        var said: [(by: Int, line: String)] = []
        for step in 0..<2_000 {
            let speaker = Int.random(in: 0..<4, using: &generator)
            _ = log.append("\(step)", by: members[speaker], at: .init())
            said.append((speaker, "[m\(speaker)]: \(step)"))
            if Bool.random(using: &generator) { _ = log.seal() }
            let reader = Int.random(in: 0..<4, using: &generator)
            let limit = Int.random(in: 1...500, using: &generator)
            if case .messages(let slices)? = log.read(&cursors[reader], in: .lines, limit: limit) {
                seen[reader] += slices.flatMap { String(buffer: $0).split(separator: "\n").map(String.init) }
            }
        }
        _ = log.seal()
        for reader in 0..<4 {
            seen[reader] += drain(&log, &cursors[reader], limit: 77)
            #expect(seen[reader] == said.filter { $0.by != reader }.map(\.line), "seed \(seed)")
        }
    }
}
