// SPDX-License-Identifier: Apache-2.0

import GRDB
import MeshCore

/// Keeps the records and the grants in a SQLite database: one row each, as JSON.
///
/// The database belongs to this process until it ends (its locking mode is exclusive), and what was written is on the
/// disk when ``apply(_:)`` returns.
package struct SQLiteStore: RegistryStore {
    /// Says which layout the tables have; kept in the database's header.
    private static let layout = 2
    /// Rows that one task reads.
    private static let part = 4_096

    private let database: DatabaseQueue
    private let path: String

    /// Opens the database, and makes it where it is not there yet.
    package init(path: String) throws(StoreFault) {
        self.path = path
        do {
            database = try Self.open(path)
        } catch {
            throw Self.fault(error, path: path)
        }
    }

    package func load() async throws(StoreFault) -> KeptState {
        do {
            let (devices, grants) = try await database.read { database in
                (
                    try String.fetchAll(database, sql: "SELECT record FROM device"),
                    try String.fetchAll(database, sql: "SELECT content FROM access")
                )
            }
            return KeptState(
                records: try await readAll(devices, DeviceRecord.init),
                grants: try await readAll(grants, Grant.init)
            )
        } catch {
            throw Self.fault(error, path: path)
        }
    }

    package func apply(_ changes: [RegistryChange]) async throws(StoreFault) {
        let result = await withCheckedContinuation { continuation in
            // Not the asynchronous function: a client that goes away would cancel the write of others with its own.
            database.asyncWrite(
                { database in for change in changes { try Self.apply(change, to: database) } },
                completion: { _, result in continuation.resume(returning: result) }
            )
        }
        do { try result.get() } catch { throw Self.fault(error, path: path) }
    }

    /// Reads many rows, on all processors: who starts the server waits for it.
    private func readAll<Value: Sendable>(
        _ texts: [String],
        _ value: @Sendable @escaping (JSON) -> Value?
    ) async throws -> [Value] {
        try await withThrowingTaskGroup(of: [Value].self) { group in
            for start in stride(from: 0, to: texts.count, by: Self.part) {
                group.addTask { try texts[start..<min(start + Self.part, texts.count)].map { try read($0, value) } }
            }
            var values: [Value] = []
            values.reserveCapacity(texts.count)
            for try await part in group { values += part }
            return values
        }
    }

    private func read<Value>(_ text: String, _ value: (JSON) -> Value?) throws(StoreFault) -> Value {
        guard let json = try? JSON(parsing: text.utf8), let value = value(json) else {
            throw StoreFault(
                .broken,
                "\(path) holds something that is none of ours: \(String(text.prefix(80)).printable)"
            )
        }
        return value
    }

    private static func open(_ path: String) throws -> DatabaseQueue {
        var configuration = GRDB.Configuration()
        configuration.journalMode = .wal
        configuration.prepareDatabase { try $0.execute(sql: "PRAGMA locking_mode = EXCLUSIVE") }
        try makePrivate(path)
        let queue = try DatabaseQueue(path: path, configuration: configuration)
        try queue.writeWithoutTransaction { database in
            try database.execute(sql: "PRAGMA synchronous = FULL")
            try database.inTransaction(.immediate) {
                let found = try Int.fetchOne(database, sql: "PRAGMA user_version") ?? 0
                guard found <= layout else {
                    throw StoreFault(.broken, "\(path) was written by a newer version of signaling_server")
                }
                try database.execute(
                    sql: """
                        CREATE TABLE IF NOT EXISTS device (id TEXT PRIMARY KEY, record TEXT NOT NULL) WITHOUT ROWID;
                        CREATE TABLE IF NOT EXISTS access (id TEXT PRIMARY KEY, content TEXT NOT NULL) WITHOUT ROWID;
                        PRAGMA user_version = \(layout);
                        """
                )
                return .commit
            }
        }
        return queue
    }

    private static func apply(_ change: RegistryChange, to database: Database) throws {
        switch change {
        case .keep(let record):
            let statement = try database.cachedStatement(
                sql: """
                    INSERT INTO device (id, record) VALUES (?, ?) ON CONFLICT (id) DO UPDATE SET record = excluded.record
                    """
            )
            try statement.execute(arguments: [record.id.description, record.json.description])
        case .drop(let id):
            let statement = try database.cachedStatement(sql: "DELETE FROM device WHERE id = ?")
            try statement.execute(arguments: [id.description])
        case .grant(let grant):
            let statement = try database.cachedStatement(
                sql: """
                    INSERT INTO access (id, content) VALUES (?, ?)
                    ON CONFLICT (id) DO UPDATE SET content = excluded.content
                    """
            )
            try statement.execute(arguments: [grant.id, grant.json.description])
        case .revoke(let grant):
            let statement = try database.cachedStatement(sql: "DELETE FROM access WHERE id = ?")
            try statement.execute(arguments: [grant.id])
        }
    }

    /// Nothing of the database's own words but its reason gets out.
    private static func fault(_ error: any Error, path: String) -> StoreFault {
        if let fault = error as? StoreFault { return fault }
        if let fault = error as? FileFault { return StoreFault(.cannotOpen, "\(fault)") }
        guard let error = error as? DatabaseError else { return StoreFault(.broken, "\(path): \(error)") }
        let reason = error.message ?? "\(error.resultCode)"
        return switch error.resultCode {
        case .SQLITE_FULL: StoreFault(.full, "there is no room left for \(path)")
        case .SQLITE_BUSY, .SQLITE_LOCKED: StoreFault(.inUse, "\(path) is in use by another process")
        case .SQLITE_CANTOPEN: StoreFault(.cannotOpen, "can't open \(path): \(reason)")
        case .SQLITE_READONLY, .SQLITE_PERM: StoreFault(.cannotOpen, "can't write to \(path): \(reason)")
        case .SQLITE_CORRUPT, .SQLITE_NOTADB: StoreFault(.broken, "\(path) is damaged: \(reason)")
        default: StoreFault(.broken, "can't use \(path): \(reason)")
        }
    }
}
