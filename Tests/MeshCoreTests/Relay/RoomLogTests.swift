// SPDX-License-Identifier: Apache-2.0

import MeshCore
import NIOCore
import SwiftProtobuf
import TestSupport
import Testing

@Suite struct RoomLogTests {
    private let alice = Author(account: .named("alice"), session: 1)
    private let bob = Author(account: .named("bob"), session: 2)

    private func log() -> RoomLog { RoomLog(id: 1, room: .lobby) }

    /// All that the cursor is given, as lines; a gap as `gap a-b`, and `store` where the store would have to be read.
    private func drain(_ log: inout RoomLog, _ cursor: inout Cursor, limit: Int = 1 << 20) -> [String] {
        var lines: [String] = []
        while let delivery = log.read(&cursor, in: .lines, limit: limit) {
            switch delivery {
            case .gap(let first, let last): lines.append("gap \(first)-\(last)")
            case .messages(let slices):
                lines += slices.flatMap { String(buffer: $0).split(separator: "\n").map(String.init) }
            case .stored: return lines + ["store"]
            }
        }
        return lines
    }

    @Test func `messages are numbered from 1 without a hole`() {
        var log = log()
        var cursor = log.start(of: bob.session, history: 10)
        #expect(log.head == 0)
        #expect(drain(&log, &cursor) == [])
        log.append(["one", "two"], by: alice)
        log.append(["three"], by: alice)
        #expect((log.first, log.head) == (1, 3))
        #expect(drain(&log, &cursor) == ["[alice]: one", "[alice]: two", "[alice]: three"])
        #expect(log.messages(from: 2, through: 3)?.map(\.sequence) == [2, 3])
    }

    @Test func `own messages are history at the login and passed over afterwards`() {
        var log = log()
        log.append(["before"], by: alice)
        var cursor = log.start(of: alice.session, history: 10)
        log.append(["a", "b"], by: alice)
        log.append(["hi"], by: bob)
        log.append(["c"], by: alice)
        #expect(drain(&log, &cursor) == ["[alice]: before", "[bob]: hi"])
    }

    @Test func `another session of the same account is given what the first one says`() {
        var log = log()
        var cursor = log.start(of: 9, history: 10)
        log.append(["a"], by: alice)
        #expect(drain(&log, &cursor) == ["[alice]: a"])
    }

    @Test func `a reader who comes back gets what came after, and nothing twice`() {
        var log = log()
        for number in 1...5 { log.append(["\(number)"], by: alice) }
        var cursor = log.resume(after: 3, session: bob.session)
        #expect(drain(&log, &cursor) == ["[alice]: 4", "[alice]: 5"])
        var ahead = log.resume(after: 99, session: bob.session)
        log.append(["6"], by: alice)
        #expect(drain(&log, &ahead) == ["[alice]: 6"])
    }

    @Test func `what memory no longer holds is read from the store, and what is kept nowhere is a gap`() {
        var log = log()
        var cursor = log.start(of: bob.session, history: 10)
        for number in 1...10 { log.append([String(repeating: "\(number % 10)", count: 10_000)], by: alice) }
        log.trim(to: 30_000)
        #expect(log.firstInMemory == 9)
        #expect(drain(&log, &cursor) == ["store"])
        #expect(log.messages(from: 8, through: 9) == nil)
        log.forget(before: 10)
        #expect(drain(&log, &cursor).first == "gap 1-9")
        #expect(cursor.next == 11)
    }

    @Test func `history is the newest messages`() {
        var log = log()
        log.append((1...10).map { "\($0)" }, by: alice)
        var cursor = log.start(of: bob.session, history: 3)
        #expect(drain(&log, &cursor) == ["[alice]: 8", "[alice]: 9", "[alice]: 10"])
    }

    @Test func `the bytes in memory are bounded`() {
        var log = log()
        for _ in 1...1_000 {
            log.append([String(repeating: "x", count: 10_000)], by: alice)
            log.trim(to: 100_000)
        }
        #expect(log.size <= 100_000)
        #expect(log.head == 1_000)
    }

    @Test func `many small batches become few`() {
        var log = log()
        var cursor = log.start(of: bob.session, history: 10)
        for number in 1...1_000 { log.append(["\(number)"], by: alice) }
        guard case .messages(let slices)? = log.read(&cursor, in: .binary, limit: 1 << 20) else {
            Issue.record("nothing to read")
            return
        }
        #expect(slices.count < 100)
        #expect(cursor.next == 1_001)
    }

    @Test func `a limit of bytes cuts between messages, and each read gives at least one`() {
        var log = log()
        log.append(Array(repeating: String(repeating: "x", count: 90), count: 20), by: alice)
        var cursor = log.start(of: bob.session, history: 100)
        var sizes: [Int] = []
        while case .messages(let slices)? = log.read(&cursor, in: .lines, limit: 250) {
            sizes.append(slices.reduce(0) { $0 + $1.readableBytes })
        }
        // A line is 100 bytes: three pass the limit.
        #expect(sizes == [300, 300, 300, 300, 300, 300, 200])
    }

    @Test func `a batch is the same after it was stored`() throws {
        let batch = MessageBatch.of(["one", "two"], by: alice, from: 7)
        let sessions = batch.authorSessions
        let stored = try #require(MessageBatch(first: 7, frames: batch.frames, sessions: sessions))
        #expect(stored.messages(from: 7, through: 8) == batch.messages(from: 7, through: 8))
        #expect(MessageBatch(first: 7, frames: batch.frames, sessions: [1]) == nil)
        let cut = batch.frames.getSlice(at: 0, length: batch.frames.readableBytes - 1) ?? ByteBuffer()
        #expect(MessageBatch(first: 7, frames: cut, sessions: sessions) == nil)
    }

    @Test(arguments: [1, 2, 3] as [UInt64])
    func `any pace of reading gives each reader all of the others' messages in order`(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        let authors = (0..<4).map { Author(account: .named("m\($0)"), session: UInt64($0)) }
        var log = log()
        var cursors = authors.map { log.start(of: $0.session, history: 10) }
        var seen = [[String]](repeating: [], count: authors.count)
        var said: [(by: Int, line: String)] = []
        for step in 0..<2_000 {
            let speaker = Int.random(in: 0..<4, using: &generator)
            let texts = (0...Int.random(in: 0...3, using: &generator)).map { "\(step).\($0)" }
            log.append(texts, by: authors[speaker])
            said += texts.map { (speaker, "[m\(speaker)]: \($0)") }
            let reader = Int.random(in: 0..<4, using: &generator)
            let dialect = Dialect.lines
            let limit = Int.random(in: 1...500, using: &generator)
            if case .messages(let slices)? = log.read(&cursors[reader], in: dialect, limit: limit) {
                seen[reader] += slices.flatMap { String(buffer: $0).split(separator: "\n").map(String.init) }
            }
        }
        for reader in 0..<4 {
            seen[reader] += drain(&log, &cursors[reader], limit: 77)
            #expect(seen[reader] == said.filter { $0.by != reader }.map(\.line), "seed \(seed)")
        }
    }
}

extension MessageBatch {
    fileprivate static func of(_ texts: [String], by author: Author, from first: UInt64) -> MessageBatch {
        let drafts = texts.map {
            MessageDraft(author: author, clientMessageID: "", body: .text($0), time: MessageTime())
        }
        return MessageBatch(drafts, in: .lobby, from: first)
    }
}

extension RoomLog {
    fileprivate mutating func append(_ texts: [String], by author: Author) {
        append(.of(texts, by: author, from: head + 1))
    }
}
