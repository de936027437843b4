// SPDX-License-Identifier: Apache-2.0

import Foundation
import MeshCore
import TestSupport
import Testing

@testable import device

/// What each storage of entries must do.
@Suite struct EntryStorageTests {
    enum Kind: CaseIterable {
        case sqlite
        /// The one that other tests rely on.
        case inMemory
    }

    private let one: DeviceID
    private let two: DeviceID

    init() throws {
        one = try #require(DeviceID("1a2b3c4d-0000-8000-8000-000000000000"))
        two = try #require(DeviceID("2a2b3c4d-0000-8000-8000-000000000000"))
    }

    @Test(arguments: Kind.allCases)
    func `of each key the last entry is kept, under its writer's number`(kind: Kind) async throws {
        try await withStorage(kind) { storage in
            try storage.apply(change([entry("a", "1", one, 1), entry("b", "2", one, 2)]))
            try storage.apply(change([entry("a", nil, two, 1)]))
            #expect(try storage.entry(of: StoreKey("a")) == entry("a", nil, two, 1))
            #expect(try storage.entries(of: one, after: 0, count: 10).map(\.key.text) == ["b"])
            #expect(try storage.entries(of: two, after: 0, count: 10).map(\.key.text) == ["a"])
            #expect(try storage.entries(of: two, after: 1, count: 10).isEmpty)
            #expect(try storage.entry(of: StoreKey("c")) == nil)
        }
    }

    @Test(arguments: Kind.allCases)
    func `keys come in order, from a place on, as many as asked for, without the deleted`(kind: Kind) async throws {
        try await withStorage(kind) { storage in
            let keys = ["b", "a", "ab", "\u{E9}", "a\u{10FFFF}", "c"]
            let entries = try keys.enumerated().map { try entry($1, $1 == "c" ? nil : "v", one, UInt64($0 + 1)) }
            try storage.apply(change(entries))
            func found(_ prefix: String, _ after: String? = nil, _ count: Int = 10) throws -> [String] {
                let place = try after.map { text throws(StoreViolation) in try StoreKey(text) }
                return try storage.keys(prefix: prefix, after: place, count: count).map(\.text)
            }
            #expect(try found("") == ["a", "ab", "a\u{10FFFF}", "b", "\u{E9}"])
            #expect(try found("a") == ["a", "ab", "a\u{10FFFF}"])
            #expect(try found("", "ab", 2) == ["a\u{10FFFF}", "b"])
            #expect(try found("e").isEmpty)
        }
    }

    @Test(arguments: Kind.allCases)
    func `what is there at the start is what was kept`(kind: Kind) async throws {
        try await withStorage(kind) { storage in
            var change = change([try entry("a", "1", one, 7)])
            (change.versions, change.replicas) = ([one: 7, two: 3], [two])
            try storage.apply(change)
            let stored = try storage.load()
            #expect(stored.versions == VersionVector([one: 7, two: 3]))
            #expect(stored.replicas == [two])
            #expect(stored.latest == HybridTime(1_007))
        }
    }

    @Test(arguments: Kind.allCases)
    func `tombstones go up to a number, values stay`(kind: Kind) async throws {
        try await withStorage(kind) { storage in
            let entries = [
                try entry("a", nil, one, 1), try entry("b", "v", one, 2), try entry("c", nil, one, 3),
                try entry("d", nil, two, 1),
            ]
            try storage.apply(change(entries))
            var burial = StoreChange()
            burial.buried = [one: 2]
            try storage.apply(burial)
            #expect(try storage.entries(of: one, after: 0, count: 10).map(\.key.text) == ["b", "c"])
            #expect(try storage.entry(of: StoreKey("d")) != nil)
        }
    }

    @Test(arguments: Kind.allCases)
    func `the newest moment is known when the tombstone has gone that had it`(kind: Kind) async throws {
        try await withStorage(kind) { storage in
            try storage.apply(change([try entry("a", "v", one, 1), try entry("b", nil, one, 2)]))
            let latest = try storage.load().latest
            var burial = StoreChange()
            (burial.buried, burial.latest) = ([one: 2], latest)
            try storage.apply(burial)
            #expect(try storage.load().latest == latest)
        }
    }

    @Test func `a database outlives its process, for its owner alone`() async throws {
        try await withTemporaryDirectory { directory in
            let path = directory + "/device.sqlite"
            do {
                var storage = SQLiteEntries(file: try SQLiteFile(path: path, durability: .synced))
                try storage.apply(change([try entry("a", "1", one, 1)]))
            }
            let storage = SQLiteEntries(file: try SQLiteFile(path: path, durability: .synced))
            #expect(try storage.entry(of: StoreKey("a"))?.value == Data("1".utf8))
            let mode = try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
            #expect(mode == 0o600)
        }
    }

    @Test func `a file that is no database is told of`() async throws {
        try await withTemporaryDirectory { directory in
            let path = directory + "/device.sqlite"
            try Data(repeating: 7, count: 8_192).write(to: URL(filePath: path))
            #expect(throws: KeepingFault.self) { try SQLiteFile(path: path, durability: .synced) }
        }
    }

    private func withStorage(_ kind: Kind, _ body: (inout any EntryStorage) throws -> Void) async throws {
        try await withTemporaryDirectory { directory in
            var storage: any EntryStorage
            switch kind {
            case .inMemory: storage = MemoryEntries()
            case .sqlite:
                storage = SQLiteEntries(
                    file: try SQLiteFile(path: directory + "/device.sqlite", durability: .synced)
                )
            }
            try body(&storage)
        }
    }

    private func change(_ entries: [StoreEntry]) -> StoreChange {
        var change = StoreChange()
        change.entries = entries
        return change
    }

    private func entry(_ key: String, _ value: String?, _ writer: DeviceID, _ sequence: UInt64) throws -> StoreEntry {
        StoreEntry(
            key: try StoreKey(key),
            value: value.map { Data($0.utf8) },
            time: HybridTime(1_000 + sequence),
            writer: writer,
            sequence: sequence
        )
    }
}
