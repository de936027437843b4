// SPDX-License-Identifier: Apache-2.0

import Crypto
import Foundation
import MeshCore
import TestSupport
import Testing

@testable import signaling_server

/// What each store must do, run against each.
@Suite struct RegistryStoreTests {
    enum Kind: CaseIterable {
        case sqlite
        case memory
        /// The one that other tests rely on.
        case failing
    }

    @Test(arguments: Kind.allCases)
    func `a new one is empty`(kind: Kind) async throws {
        try await withStore(kind) { open in
            let kept = try await open().load()
            #expect(kept == KeptState())
        }
    }

    @Test(arguments: Kind.allCases)
    func `what was applied is there when it is opened again, the last state of each`(kind: Kind) async throws {
        try await withStore(kind) { open in
            let (first, second) = (try record("a", port: 1), try record("a", port: 2))
            let other = try record("b", port: 3)
            do {
                let store = try await open()
                try await store.apply([.keep(first), .keep(other)])
                try await store.apply([.keep(second), .drop(other.id), .drop(other.id)])
            }
            #expect(try await open().load().records == [second])
        }
    }

    @Test(arguments: Kind.allCases)
    func `thousands are all there, each once`(kind: Kind) async throws {
        try await withStore(kind) { open in
            let records = try (1...9_000).map { try record("d\($0)", port: UInt16($0)) }
            do { try await open().apply(records.map(RegistryChange.keep)) }
            let kept = try await open().load().records
            #expect(kept.count == records.count)
            #expect(Set(kept.map(\.id)) == Set(records.map(\.id)))
        }
    }

    @Test(arguments: Kind.allCases)
    func `who was let in is kept beside the records, and forgotten when told`(kind: Kind) async throws {
        try await withStore(kind) { open in
            let device = DeviceID(of: P256.Signing.PrivateKey().publicKey)
            let date = Date(timeIntervalSince1970: 1_700_000_000)
            let member = Grant.member(Member(device: device, tag: DeviceTag("home"), enrolled: date, key: "k"))
            let record = try record("a", port: 1)
            do { try await open().apply([.grant(member), .keep(record), .grant(member)]) }
            do {
                let store = try await open()
                #expect(try await store.load() == KeptState(records: [record], grants: [member]))
                try await store.apply([.revoke(member), .drop(record.id)])
            }
            #expect(try await open().load() == KeptState())
        }
    }

    @Test(arguments: Kind.allCases)
    func `changes are made in their order`(kind: Kind) async throws {
        try await withStore(kind) { open in
            let record = try record("a", port: 1)
            let store = try await open()
            try await store.apply([.keep(record), .drop(record.id), .keep(record)])
            #expect(try await store.load().records == [record])
            try await store.apply([.drop(record.id)])
            #expect(try await store.load().records == [])
            try await store.apply([])
        }
    }

    @Test(arguments: Kind.allCases)
    func `many at once are kept, from many tasks`(kind: Kind) async throws {
        try await withStore(kind) { open in
            let store = try await open()
            try await withThrowingTaskGroup { group in
                for batch in 0..<10 {
                    let changes = try (0..<100).map { RegistryChange.keep(try record("d\(batch)-\($0)", port: 1)) }
                    group.addTask { try await store.apply(changes) }
                }
                try await group.waitForAll()
            }
            #expect(try await store.load().records.count == 1_000)
        }
    }

    @Test func `nobody but its owner can read a database, nor what is beside it`() async throws {
        try await withTemporaryDirectory { directory in
            let mask = umask(0)
            defer { umask(mask) }
            let store = try SQLiteStore(path: "\(directory)/registry.sqlite")
            try await store.apply([.keep(try record("a", port: 1))])
            let files = try FileManager.default.contentsOfDirectory(atPath: directory)
            #expect(files.contains("registry.sqlite-wal"))
            for file in files {
                let facts = try FileManager.default.attributesOfItem(atPath: "\(directory)/\(file)")
                #expect((facts[.posixPermissions] as? NSNumber)?.int16Value == 0o600, "\(file)")
            }
        }
    }

    @Test func `a database that another process uses, is damaged or can't be made is refused in words`() async throws {
        try await withTemporaryDirectory { directory in
            let path = "\(directory)/registry.sqlite"
            do {
                let first = try SQLiteStore(path: path)
                let fault = #expect(throws: StoreFault.self) { try SQLiteStore(path: path) }
                #expect(fault?.kind == .inUse)
                #expect(try await first.load() == KeptState())
            }
            try Data(repeating: 0x41, count: 8_192).write(to: URL(filePath: path))
            let fault = #expect(throws: StoreFault.self) { try SQLiteStore(path: path) }
            #expect(fault?.kind == .broken)
            #expect(fault?.description.contains("damaged") == true)
            let missing = #expect(throws: StoreFault.self) {
                try SQLiteStore(path: "\(directory)/none/registry.sqlite")
            }
            #expect(missing?.kind == .cannotOpen)
        }
    }

    private func withStore(
        _ kind: Kind,
        _ body: (() async throws -> any RegistryStore) async throws -> Void
    ) async throws {
        try await withTemporaryDirectory { directory in
            let (memory, failing) = (MemoryStore(), FailingStore())
            try await body {
                switch kind {
                case .sqlite: try await opened("\(directory)/registry.sqlite")
                case .memory: memory
                case .failing: failing
                }
            }
        }
    }

    /// One that nobody holds any more closes a moment later, when its last write has returned.
    private func opened(_ path: String) async throws -> SQLiteStore {
        var store: SQLiteStore?
        let isOpen = try await eventually {
            do {
                store = try SQLiteStore(path: path)
                return true
            } catch let fault as StoreFault where fault.kind == .inUse {
                return false
            }
        }
        #expect(isOpen)
        return try #require(store)
    }

    private func record(_ id: String, port: UInt16) throws -> DeviceRecord {
        var registration = Registration(id: try #require(RecordID(id)))
        registration.port = port
        let date = Date(timeIntervalSince1970: 1_700_000_000.25)
        return DeviceRecord(
            registration: registration,
            observed: Endpoint("[::1]:5"),
            registeredAt: date,
            lastSeen: date,
            expiresAt: date,
            verified: true
        )
    }
}
