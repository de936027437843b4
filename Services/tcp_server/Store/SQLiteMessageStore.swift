// SPDX-License-Identifier: Apache-2.0

import Crypto
import Foundation
import GRDB
import MeshCore
import NIOCore
import SwiftProtobuf
import Synchronization

/// Keeps the rooms' logs in a SQLite database: one row for the messages of a room that were accepted together.
///
/// The key of a row is the room's number and the first message's sequence, so that a room's rows lie together, in order,
/// and the newest is found in one step. Each row has a checksum: what a disk has spoilt is not taken for a message.
final class SQLiteMessageStore: MessageStore {
    let level: WireAccepted.Level
    let path: String
    private let retention: Retention
    private let database: DatabasePool
    private let state = Mutex(State())

    private struct State {
        var rooms: [RoomName: Room] = [:]
        var fault: StoreFault?
    }

    /// What the store knows of a room without reading.
    private struct Room {
        let number: Int64
        var first: UInt64
        var head: UInt64
        var bytes = 0
        var isStored = false

        init(number: Int64) {
            self.number = number
            (first, head) = (1, 0)
        }
    }

    var isReadable: Bool { true }

    /// Opens the database, and makes it where it is not there yet.
    ///
    /// One that can't be written is opened to be read.
    init(path: String, isSynced: Bool, retention: Retention) throws(StoreFault) {
        self.path = path
        self.retention = retention
        level = isSynced ? .synced : .stored
        do {
            database = try Self.open(path, isSynced: isSynced)
        } catch {
            let fault = Self.fault(error, path: path)
            guard FileManager.default.fileExists(atPath: path), fault.cause != .unusable,
                let readable = try? Self.openToRead(path)
            else { throw fault }
            database = readable
            state.withLock { $0.fault = fault }
        }
    }

    func close() {
        try? database.close()
    }
}

// MARK: Appending

extension SQLiteMessageStore {
    func append(_ drafts: [RoomDrafts], _ answer: @escaping @Sendable (Result<[StoredBatch], StoreFault>) -> Void) {
        if let fault = state.withLock(\.fault) { return answer(.failure(fault)) }
        database.asyncWrite(
            { [self] in try insert(drafts, $0) },
            completion: { [self] _, result in
                switch result {
                case .success(let (batches, rooms)):
                    state.withLock { state in
                        for (name, room) in rooms { state.rooms[name] = room }
                    }
                    answer(.success(batches))
                case .failure(let error):
                    answer(.failure(Self.fault(error, path: path)))
                }
            }
        )
    }

    /// Inserts, and gives what the rooms are when the transaction is committed.
    private func insert(
        _ drafts: [RoomDrafts],
        _ database: Database
    ) throws -> (batches: [StoredBatch], rooms: [RoomName: Room]) {
        var rooms = state.withLock(\.rooms)
        var changed: [RoomName: Room] = [:]
        var batches: [StoredBatch] = []
        for drafts in drafts {
            var room = rooms[drafts.room] ?? Room(number: Self.freeNumber(beside: rooms))
            if !room.isStored {
                try database.execute(
                    sql: "INSERT INTO room (number, name, log) VALUES (?, ?, ?)",
                    arguments: [room.number, drafts.room.description, Int64(bitPattern: drafts.log)]
                )
                room.isStored = true
            }
            for part in Self.parts(of: drafts.drafts) {
                let batch = MessageBatch(part, in: drafts.room, from: room.head + 1)
                try Self.insert(batch, part, room.number, database)
                room.head = batch.last
                room.bytes += batch.frames.readableBytes
                batches.append(StoredBatch(room: drafts.room, batch: batch))
            }
            rooms[drafts.room] = room
            changed[drafts.room] = room
        }
        return (batches, changed)
    }

    private static func freeNumber(beside rooms: [RoomName: Room]) -> Int64 {
        (rooms.values.map(\.number).max() ?? 0) + 1
    }

    /// Cuts drafts where a row would be too long to be read at once.
    private static func parts(of drafts: [MessageDraft]) -> [[MessageDraft]] {
        var parts: [[MessageDraft]] = []
        var bytes = 0
        for draft in drafts {
            if parts.isEmpty || bytes > rowBytes {
                parts.append([])
                bytes = 0
            }
            parts[parts.count - 1].append(draft)
            bytes += draft.bytes
        }
        return parts
    }

    private static func insert(
        _ batch: MessageBatch,
        _ drafts: [MessageDraft],
        _ room: Int64,
        _ database: Database
    ) throws {
        let frames = Data(batch.frames.readableBytesView)
        let origins = Origins(sessions: batch.authorSessions, ids: drafts.map(\.clientMessageID)).encoded
        let statement = try database.cachedStatement(
            sql: "INSERT INTO batch (key, count, time, frames, origins, checksum) VALUES (?, ?, ?, ?, ?, ?)"
        )
        let key = try key(room, batch.first)
        let time = drafts.last?.time.seconds ?? 0
        try statement.execute(
            arguments: [key, batch.count, time, frames, origins, checksum(key, frames, origins)]
        )
    }

    private static let rowBytes = 64 * 1_024
}

// MARK: Reading

extension SQLiteMessageStore {
    func read(
        _ room: RoomName,
        from: UInt64,
        bytes: Int,
        _ answer: @escaping @Sendable (Result<[MessageBatch], StoreFault>) -> Void
    ) {
        guard let number = state.withLock({ $0.rooms[room]?.number }) else { return answer(.success([])) }
        database.asyncRead { [path] result in
            do {
                answer(.success(try Self.batches(number, from: from, bytes: bytes, result.get())))
            } catch {
                answer(.failure(Self.fault(error, path: path)))
            }
        }
    }

    /// The batches that are intact.
    private static func batches(
        _ room: Int64,
        from: UInt64,
        bytes: Int,
        _ database: Database
    ) throws -> [MessageBatch] {
        let range = try (key(room, 0), key(room + 1, 0))
        let start = try Int64.fetchOne(
            database.cachedStatement(sql: "SELECT max(key) FROM batch WHERE key >= ? AND key <= ?"),
            arguments: [range.0, key(room, from)]
        )
        let rows = try Row.fetchCursor(
            database.cachedStatement(
                sql: "SELECT key, frames, origins, checksum FROM batch WHERE key >= ? AND key < ? ORDER BY key"
            ),
            arguments: [start ?? range.0, range.1]
        )
        var batches: [MessageBatch] = []
        var total = 0
        while total < bytes, batches.count < 1_000, let row = try rows.next() {
            guard let batch = batch(of: row)?.batch, batch.last >= from else { continue }
            batches.append(batch)
            total += batch.frames.readableBytes
        }
        return batches
    }

    /// Nil for a row that is not as it was written.
    private static func batch(of row: Row) -> (batch: MessageBatch, ids: [String])? {
        guard let key = row[0] as Int64?, let frames = row[1] as Data?, let origins = row[2] as Data?,
            row[3] as Data? == checksum(key, frames, origins), let origins = Origins(origins)
        else { return nil }
        let first = UInt64(key & sequenceMask)
        let batch = MessageBatch(first: first, frames: ByteBuffer(bytes: frames), sessions: origins.sessions)
        return batch.map { ($0, origins.ids) }
    }
}

// MARK: At the start

extension SQLiteMessageStore {
    func load(publishedWithin window: PublishedMessages.Window) throws(StoreFault) -> StoredState {
        var stored = StoredState()
        do {
            try database.unsafeRead { database in
                let id = try Int64.fetchOne(database, sql: "SELECT id FROM store")
                stored.id = id.map { UInt64(bitPattern: $0) } ?? stored.id
                let rows = try Row.fetchAll(database, sql: "SELECT number, name, log FROM room ORDER BY number")
                for row in rows {
                    guard let name = RoomName(row[1]) else { continue }
                    let room = try loadRoom(row[0], database)
                    state.withLock { $0.rooms[name] = room }
                    let log = UInt64(bitPattern: row[2])
                    stored.rooms.append(.init(room: name, log: log, first: room.first, head: room.head))
                }
                stored.published = try recent(window, database)
            }
        } catch {
            // What could be read is served.
            let fault = Self.fault(error, path: path)
            state.withLock { $0.fault = $0.fault ?? fault }
        }
        stored.fault = state.withLock(\.fault)
        return stored
    }

    private func loadRoom(_ number: Int64, _ database: Database) throws -> Room {
        var room = Room(number: number)
        room.isStored = true
        let range = try (Self.key(number, 0), Self.key(number + 1, 0))
        do {
            let rows = try Row.fetchCursor(
                database,
                sql: "SELECT key, count, length(frames) FROM batch WHERE key >= ? AND key < ? ORDER BY key",
                arguments: [range.0, range.1]
            )
            while let row = try rows.next() {
                let first = UInt64((row[0] as Int64) & Self.sequenceMask)
                if room.head == 0 { room.first = first }
                room.head = first + UInt64(row[1] as Int) - 1
                room.bytes += row[2]
            }
        } catch {
            let fault = Self.fault(error, path: path)
            state.withLock { $0.fault = fault }
        }
        return room
    }

    /// What was published not long ago, the oldest first.
    private func recent(
        _ window: PublishedMessages.Window,
        _ database: Database
    ) throws -> [StoredState.Publication] {
        let earliest = Int64(Date.now.timeIntervalSince1970) - window.time.nanoseconds / 1_000_000_000
        var published: [(time: Int64, publication: StoredState.Publication)] = []
        for (name, room) in state.withLock(\.rooms) {
            let range = try (Self.key(room.number, 0), Self.key(room.number + 1, 0))
            let rows = try Row.fetchCursor(
                database,
                sql: """
                    SELECT key, frames, origins, checksum, time FROM batch WHERE key >= ? AND key < ? ORDER BY key DESC
                    """,
                arguments: [range.0, range.1]
            )
            var count = 0
            while let row = try rows.next(), count < window.messages || row[4] as Int64 >= earliest,
                count < window.limit
            {
                guard let (batch, ids) = Self.batch(of: row) else { continue }
                count += batch.count
                let messages = batch.messages(from: batch.first, through: batch.last)
                for (message, id) in zip(messages, ids).reversed() where !id.isEmpty {
                    guard let account = AccountName(message.sender) else { continue }
                    let place = PublishedMessages.Place(room: name, sequence: message.sequence)
                    published.append((row[4], .init(id: id, account: account, place: place)))
                }
            }
        }
        return published.reversed().sorted { $0.time < $1.time }.map(\.publication)
    }
}

// MARK: Retention

extension SQLiteMessageStore {
    func retain(now: MessageTime, _ answer: @escaping @Sendable (Result<[RoomName: UInt64], StoreFault>) -> Void) {
        if state.withLock({ $0.fault != nil }) { return answer(.success([:])) }
        database.asyncWrite(
            { [self] in try dropOld(now: now, $0) },
            completion: { [self] _, result in
                switch result {
                case .success(let rooms):
                    state.withLock { state in
                        for (name, room) in rooms { state.rooms[name] = room }
                    }
                    answer(.success(rooms.mapValues(\.first)))
                case .failure(let error):
                    answer(.failure(Self.fault(error, path: path)))
                }
            }
        )
    }

    private func dropOld(now: MessageTime, _ database: Database) throws -> [RoomName: Room] {
        let earliest = now.seconds - retention.age.nanoseconds / 1_000_000_000
        var changed: [RoomName: Room] = [:]
        for (name, stored) in state.withLock(\.rooms) where stored.isStored && stored.first <= stored.head {
            var room = stored
            let range = try (Self.key(room.number, 0), Self.key(room.number + 1, 0))
            let rows = try Row.fetchCursor(
                database.cachedStatement(
                    sql: """
                        SELECT key, count, time, length(frames) FROM batch WHERE key >= ? AND key < ? ORDER BY key
                        """
                ),
                arguments: [range.0, range.1]
            )
            while let row = try rows.next() {
                let (count, time) = (row[1] as Int, row[2] as Int64)
                let rest = Int(room.head + 1 - room.first) - count
                if rest < retention.messages, room.bytes <= retention.bytes, time >= earliest { break }
                room.first = UInt64((row[0] as Int64) & Self.sequenceMask) + UInt64(count)
                room.bytes -= row[3]
            }
            guard room.first != stored.first else { continue }
            try database.execute(
                sql: "DELETE FROM batch WHERE key >= ? AND key < ?",
                arguments: [range.0, try Self.key(room.number, room.first)]
            )
            changed[name] = room
        }
        return changed
    }
}

// MARK: The database

extension SQLiteMessageStore {
    /// Says which layout the tables have; kept in the database's header.
    private static let layout = 1

    private static func open(_ path: String, isSynced: Bool) throws -> DatabasePool {
        var configuration = GRDB.Configuration()
        configuration.maximumReaderCount = 2
        configuration.busyMode = .timeout(2)
        configuration.prepareDatabase { database in
            // In WAL mode a commit at NORMAL is with the operating system, at FULL on the disk.
            try database.execute(sql: "PRAGMA synchronous = \(isSynced ? "FULL" : "NORMAL")")
            try database.execute(sql: "PRAGMA wal_autocheckpoint = 4000")
        }
        // SQLite's own files beside it get the same mode.
        if !FileManager.default.fileExists(atPath: path) {
            _ = FileManager.default.createFile(atPath: path, contents: nil, attributes: [.posixPermissions: 0o600])
        }
        let pool = try DatabasePool(path: path, configuration: configuration)
        try pool.write { database in
            let found = try Int.fetchOne(database, sql: "PRAGMA user_version") ?? 0
            guard found <= layout else {
                throw StoreFault(.unusable, "\(path) was written by a newer version of tcp_server")
            }
            try database.execute(
                sql: """
                    CREATE TABLE IF NOT EXISTS store (id INTEGER PRIMARY KEY);
                    CREATE TABLE IF NOT EXISTS room (number INTEGER PRIMARY KEY, name TEXT NOT NULL, log INTEGER NOT NULL);
                    CREATE TABLE IF NOT EXISTS batch (
                        key INTEGER PRIMARY KEY, count INTEGER NOT NULL, time INTEGER NOT NULL, frames BLOB NOT NULL,
                        origins BLOB NOT NULL, checksum BLOB NOT NULL
                    );
                    INSERT INTO store SELECT \(Int64.random(in: 1 ... .max)) WHERE NOT EXISTS (SELECT * FROM store);
                    PRAGMA user_version = \(layout);
                    """
            )
        }
        return pool
    }

    private static func openToRead(_ path: String) throws -> DatabasePool {
        var configuration = GRDB.Configuration()
        configuration.readonly = true
        configuration.maximumReaderCount = 2
        return try DatabasePool(path: path, configuration: configuration)
    }

    /// The key of the row of a room whose first message has this sequence.
    private static func key(_ room: Int64, _ sequence: UInt64) throws(StoreFault) -> Int64 {
        guard room < 1 << 20, sequence <= UInt64(sequenceMask) else {
            throw StoreFault(.unusable, "the database has no place for more rooms")
        }
        return (room << sequenceBits) | Int64(sequence)
    }

    private static let sequenceBits: Int64 = 43
    private static let sequenceMask: Int64 = (Int64(1) << sequenceBits) - 1

    private static func checksum(_ key: Int64, _ frames: Data, _ origins: Data) -> Data {
        var hash = SHA256()
        withUnsafeBytes(of: key.bigEndian) { hash.update(bufferPointer: $0) }
        hash.update(data: frames)
        hash.update(data: origins)
        return Data(hash.finalize().prefix(8))
    }

    /// Nothing of the database's own words but its reason gets out.
    private static func fault(_ error: any Error, path: String) -> StoreFault {
        if let fault = error as? StoreFault { return fault }
        guard let error = error as? DatabaseError else { return StoreFault(.unusable, "can't use \(path): \(error)") }
        let reason = error.message ?? "\(error.resultCode)"
        return switch error.resultCode {
        case .SQLITE_FULL: StoreFault(.full, "there is no room left for \(path)")
        case .SQLITE_READONLY, .SQLITE_PERM: StoreFault(.readOnly, "can't write to \(path): \(reason)")
        case .SQLITE_CORRUPT, .SQLITE_NOTADB:
            StoreFault(.damaged, "\(path) is damaged: \(reason); what is intact of it is served")
        default: StoreFault(.unusable, "can't use \(path): \(reason)")
        }
    }
}

/// Where each message of a row came from: its author's session and the id that the client gave it.
///
/// For each message 8 bytes of the session, big-endian, a byte for the length of the id, and the id.
private struct Origins {
    let sessions: [UInt64]
    let ids: [String]

    init(sessions: [UInt64], ids: [String]) {
        self.sessions = sessions
        self.ids = ids
    }

    init?(_ bytes: Data) {
        var buffer = ByteBuffer(bytes: bytes)
        var sessions: [UInt64] = []
        var ids: [String] = []
        while buffer.readableBytes > 0 {
            guard let session: UInt64 = buffer.readInteger(),
                let id = buffer.readLengthPrefixedSlice(as: UInt8.self)
            else { return nil }
            sessions.append(session)
            ids.append(String(buffer: id))
        }
        self.init(sessions: sessions, ids: ids)
    }

    var encoded: Data {
        var buffer = ByteBuffer()
        for (session, id) in zip(sessions, ids) {
            buffer.writeInteger(session)
            buffer.writeInteger(UInt8(truncatingIfNeeded: id.utf8.count))
            buffer.writeString(id)
        }
        return Data(buffer.readableBytesView)
    }
}

extension MessageDraft {
    /// Roughly what it takes when it is encoded.
    fileprivate var bytes: Int {
        switch body {
        case .text(let text): text.utf8.count + 128
        case .data(let data): data.count + 128
        }
    }
}
