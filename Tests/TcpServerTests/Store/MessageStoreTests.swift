// SPDX-License-Identifier: Apache-2.0

import Foundation
import MeshCore
import NIOCore
import SwiftProtobuf
import TestSupport
import Testing

@testable import tcp_server

/// What each store does.
@Suite struct MessageStoreTests {
    enum Kind: CaseIterable {
        case memory, stored, synced

        func open(in directory: String) throws -> any MessageStore {
            switch self {
            case .memory: MemoryStore()
            case .stored: try SQLiteMessageStore.ofTests(in: directory)
            case .synced: try SQLiteMessageStore.ofTests(in: directory, isSynced: true)
            }
        }
    }

    @Test(arguments: Kind.allCases)
    func `each room is numbered by itself, in the order of what was handed over`(kind: Kind) async throws {
        try await withTemporaryDirectory { directory in
            let store = try kind.open(in: directory)
            defer { store.close() }
            _ = try store.load(publishedWithin: .init())
            let first = try await store.append(["lobby": ["a", "b"], "dev": ["c"]])
            let second = try await store.append(["lobby": ["d"]])
            #expect(Set(first.map { "\($0.room) \($0.batch.first) \($0.batch.last)" }) == ["lobby 1 2", "dev 1 1"])
            #expect(second.map { [$0.batch.first, $0.batch.last] } == [[3, 3]])
            #expect(first.flatMap(\.texts).sorted() == ["1 c", "1 a", "2 b"].sorted())
        }
    }

    @Test func `the level is what an acknowledged message survives`() async throws {
        try await withTemporaryDirectory { directory in
            for (kind, level) in zip(Kind.allCases, [WireAccepted.Level.relayed, .stored, .synced]) {
                let store = try kind.open(in: directory)
                #expect(store.level == level)
                store.close()
            }
        }
    }
}

@Suite struct SQLiteMessageStoreTests {
    @Test func `what was stored is there after a restart, with its numbers and its ids`() async throws {
        try await withTemporaryDirectory { directory in
            var store = try SQLiteMessageStore.ofTests(in: directory)
            let before = try store.load(publishedWithin: .init())
            for number in 1...3 { _ = try await store.append(["lobby": ["\(number)"], "dev": ["d\(number)"]]) }
            store.close()
            store = try SQLiteMessageStore.ofTests(in: directory)
            defer { store.close() }
            let after = try store.load(publishedWithin: .init())
            #expect(after.id == before.id && after.fault == nil)
            #expect(
                Set(after.rooms.map { "\($0.room) \($0.log) \($0.first) \($0.head)" }) == ["lobby 7 1 3", "dev 7 1 3"]
            )
            #expect(after.published.map(\.id).sorted() == ["1", "2", "3", "d1", "d2", "d3"])
            #expect(after.published.first { $0.id == "d2" }?.place == .init(room: .named("dev"), sequence: 2))
            #expect(try await store.texts(of: .lobby, from: 2) == ["2 2", "3 3"])
            #expect(try await store.append(["lobby": ["4"]]).first?.batch.first == 4)
        }
    }

    @Test func `a reading begins with the batch that holds what was asked for, and has an end`() async throws {
        try await withTemporaryDirectory { directory in
            let store = try SQLiteMessageStore.ofTests(in: directory)
            defer { store.close() }
            _ = try store.load(publishedWithin: .init())
            let text = String(repeating: "x", count: 10_000)
            for _ in 1...10 { _ = try await store.append(["lobby": [text, text]]) }
            let batches = try await store.read(.lobby, from: 4, bytes: 50_000)
            #expect(batches.map(\.first) == [3, 5, 7])
            #expect(try await store.read(.lobby, from: 20, bytes: 1).map(\.first) == [19])
            #expect(try await store.read(.lobby, from: 21, bytes: 1).isEmpty)
            #expect(try await store.read(.named("nowhere"), from: 1, bytes: 1).isEmpty)
        }
    }

    @Test(
        arguments: [
            (Retention(messages: 4), UInt64(7)), (Retention(bytes: 100), 8), (Retention(age: .seconds(60)), 6),
            (Retention(), 1),
        ] as [(Retention, UInt64)]
    )
    func `what is too much or too old is let go, and the numbers go on`(
        retention: Retention,
        first: UInt64
    ) async throws {
        try await withTemporaryDirectory { directory in
            var store = try SQLiteMessageStore.ofTests(in: directory, retention: retention)
            _ = try store.load(publishedWithin: .init())
            for number in 1...10 {
                let age: TimeInterval = number <= 5 ? 120 : 0
                let time = MessageTime(date: Date(timeIntervalSince1970: 1_000_000 - age))
                _ = try await store.append(["lobby": ["\(number)"]], at: time)
            }
            let now = MessageTime(date: Date(timeIntervalSince1970: 1_000_000))
            let rooms = try await store.retain(now: now)
            #expect(rooms == (first == 1 ? [:] : [.lobby: first]))
            #expect(try await store.texts(of: .lobby, from: 1).first == "\(first) \(first)")
            store.close()
            store = try SQLiteMessageStore.ofTests(in: directory)
            defer { store.close() }
            let room = try store.load(publishedWithin: .init()).rooms.first
            #expect(room?.first == first && room?.head == 10)
            #expect(try await store.append(["lobby": ["next"]]).first?.batch.first == 11)
        }
    }

    @Test func `a log of which nothing is kept goes on where it was`() async throws {
        try await withTemporaryDirectory { directory in
            var store = try SQLiteMessageStore.ofTests(in: directory, retention: Retention(age: .seconds(60)))
            _ = try store.load(publishedWithin: .init())
            _ = try await store.append(["lobby": ["1", "2"]], at: MessageTime(date: Date(timeIntervalSince1970: 0)))
            #expect(try await store.retain(now: MessageTime(date: .now)) == [.lobby: 3])
            store.close()
            store = try SQLiteMessageStore.ofTests(in: directory)
            defer { store.close() }
            let room = try store.load(publishedWithin: .init()).rooms.first
            #expect(room?.first == 3 && room?.head == 2)
            #expect(try await store.append(["lobby": ["3"]]).first?.batch.first == 3)
        }
    }

    @Test func `messages that a disk has spoilt are said to be, refused, and never shown`() async throws {
        try await withTemporaryDirectory { directory in
            try await Self.fill(directory)
            let path = directory + "/messages.sqlite"
            var bytes = try Data(contentsOf: URL(filePath: path))
            let place = try #require(bytes.firstRange(of: Data("message 20".utf8)))
            bytes[place.lowerBound] ^= 1
            try bytes.write(to: URL(filePath: path))
            let store = try SQLiteMessageStore.ofTests(in: directory)
            defer { store.close() }
            let state = try store.load(publishedWithin: .init())
            #expect(state.fault?.cause == .damaged)
            #expect(state.rooms.first?.head == 40)
            await #expect(throws: StoreFault.self) { try await store.append(["lobby": ["new"]]) }
            let shown = try await store.texts(of: .lobby, from: 1)
            #expect(shown == (1...40).filter { $0 != 20 }.map { "\($0) message \($0)" })
        }
    }

    @Test(arguments: [1, 4_096, 10_000])
    func `a database that was cut short is said to be, takes nothing, and serves what it has`(cut: Int) async throws {
        try await withTemporaryDirectory { directory in
            try await Self.fill(directory, textBytes: 3_000)
            let path = directory + "/messages.sqlite"
            let bytes = try Data(contentsOf: URL(filePath: path))
            try bytes.dropLast(cut).write(to: URL(filePath: path))
            let store = try SQLiteMessageStore.ofTests(in: directory)
            defer { store.close() }
            let state = try store.load(publishedWithin: .init())
            #expect(state.fault?.cause == .damaged)
            #expect(state.fault?.description.contains(path) == true)
            await #expect(throws: StoreFault.self) { try await store.append(["lobby": ["new"]]) }
            let shown = try await store.texts(of: .lobby, from: 1)
            #expect(shown.count >= 20 && shown.prefix(20).first?.hasPrefix("1 message 1 ") == true)
        }
    }

    @Test func `what lies behind a damaged part of the database is served`() async throws {
        try await withTemporaryDirectory { directory in
            try await Self.fill(directory, textBytes: 1_000)
            let path = directory + "/messages.sqlite"
            var bytes = try Data(contentsOf: URL(filePath: path))
            let place = try #require(bytes.firstRange(of: Data("message 20".utf8))).lowerBound / 4_096 * 4_096
            bytes.replaceSubrange(place..<place + 4_096, with: Data(repeating: 0xA5, count: 4_096))
            try bytes.write(to: URL(filePath: path))
            let store = try SQLiteMessageStore.ofTests(in: directory)
            defer { store.close() }
            let state = try store.load(publishedWithin: .init())
            #expect(state.fault?.cause == .damaged)
            #expect(state.rooms.first?.head == 40)
            let shown = try await store.texts(of: .lobby, from: 1).compactMap { $0.split(separator: " ").first }
            #expect(shown.prefix(10) == (1...10).map { "\($0)" }[...])
            #expect(shown.last == "40" && shown.count > 30 && !shown.contains("20"))
        }
    }

    @Test func `what is no database is left as it is`() async throws {
        try await withTemporaryDirectory { directory in
            let path = directory + "/messages.sqlite"
            let text = Data(String(repeating: "no database\n", count: 500).utf8)
            try text.write(to: URL(filePath: path))
            if let store = try? SQLiteMessageStore.ofTests(in: directory) {
                #expect(try store.load(publishedWithin: .init()).fault?.cause == .damaged)
                await #expect(throws: StoreFault.self) { try await store.append(["lobby": ["new"]]) }
                store.close()
            }
            #expect(try Data(contentsOf: URL(filePath: path)) == text)
        }
    }

    /// A database with 40 messages in the lobby.
    private static func fill(_ directory: String, textBytes: Int = 10) async throws {
        let store = try SQLiteMessageStore.ofTests(in: directory)
        _ = try store.load(publishedWithin: .init())
        let rest = String(repeating: "x", count: max(0, textBytes - 10))
        for number in 1...40 {
            _ = try await store.append(["lobby": ["message \(number)" + (rest.isEmpty ? "" : " " + rest)]])
        }
        store.close()
    }
}

extension SQLiteMessageStore {
    fileprivate static func ofTests(
        in directory: String,
        isSynced: Bool = false,
        retention: Retention = Retention()
    ) throws -> SQLiteMessageStore {
        try SQLiteMessageStore(path: directory + "/messages.sqlite", isSynced: isSynced, retention: retention)
    }
}

extension MessageStore {
    /// Appends texts, whose ids are themselves, by room.
    @discardableResult
    fileprivate func append(
        _ texts: [String: [String]],
        at time: MessageTime = MessageTime(date: .now)
    ) async throws -> [StoredBatch] {
        let drafts = texts.map { room, texts in
            RoomDrafts(
                room: .named(room),
                log: 7,
                drafts: texts.map { text in
                    MessageDraft(
                        author: Author(account: .named("alice"), session: 1),
                        clientMessageID: String(text.prefix(20)),
                        body: .text(text),
                        time: time
                    )
                }
            )
        }
        return try await withCheckedThrowingContinuation { done in append(drafts) { done.resume(with: $0) } }
    }

    fileprivate func read(_ room: RoomName, from: UInt64, bytes: Int) async throws -> [MessageBatch] {
        try await withCheckedThrowingContinuation { done in
            read(room, from: from, bytes: bytes) { done.resume(with: $0) }
        }
    }

    fileprivate func retain(now: MessageTime) async throws -> [RoomName: UInt64] {
        try await withCheckedThrowingContinuation { done in retain(now: now) { done.resume(with: $0) } }
    }

    /// All messages of a room from `from` on, as `sequence text`.
    fileprivate func texts(of room: RoomName, from: UInt64) async throws -> [String] {
        var texts: [String] = []
        var next = from
        while true {
            let batches = try await read(room, from: next, bytes: 64 * 1_024)
            guard let last = batches.last?.last else { return texts }
            for batch in batches {
                texts += batch.messages(from: next, through: batch.last).map { "\($0.sequence) \($0.text)" }
            }
            next = last + 1
        }
    }
}

extension StoredBatch {
    fileprivate var texts: [String] {
        batch.messages(from: batch.first, through: batch.last).map { "\($0.sequence) \($0.text)" }
    }
}

extension RoomName {
    /// A name that a test knows to be one.
    fileprivate static func named(_ name: String) -> RoomName {
        guard let room = RoomName(name) else { preconditionFailure("\(name) is no room's name") }
        return room
    }
}
