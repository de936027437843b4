// SPDX-License-Identifier: Apache-2.0

import Foundation
import GRDB
import MeshCore

/// Keeps a replica's entries in a SQLite database: one row for each key.
struct SQLiteEntries: EntryStorage {
    let file: SQLiteFile

    func load() throws -> StoredReplica {
        try file.read { database in
            var stored = StoredReplica()
            for row in try Row.fetchAll(database, sql: "SELECT writer, sequence FROM version") {
                stored.versions.raise(try Self.id(row[0]), to: UInt64(bitPattern: row[1]))
            }
            stored.replicas = Set(try Data.fetchAll(database, sql: "SELECT id FROM replica").map(Self.id))
            let sql = "SELECT max(time) FROM (SELECT max(time) AS time FROM entry UNION ALL SELECT time FROM clock)"
            let latest = try Int64.fetchOne(database, sql: sql) ?? 0
            stored.latest = HybridTime(UInt64(bitPattern: latest))
            return stored
        }
    }

    func entry(of key: StoreKey) throws -> StoreEntry? {
        try file.read { database in
            let statement = try database.cachedStatement(sql: "SELECT \(Self.columns) FROM entry WHERE key = ?")
            return try Row.fetchOne(statement, arguments: [key.text]).map(Self.entry)
        }
    }

    func entries(of writer: DeviceID, after sequence: UInt64, count: Int) throws -> [StoreEntry] {
        try file.read { database in
            let statement = try database.cachedStatement(
                sql: """
                    SELECT \(Self.columns) FROM entry WHERE writer = ? AND sequence > ? ORDER BY sequence LIMIT ?
                    """
            )
            let arguments: StatementArguments = [Data(writer.bytes), Int64(bitPattern: sequence), count]
            return try Row.fetchAll(statement, arguments: arguments).map(Self.entry)
        }
    }

    func keys(prefix: String, after key: StoreKey?, count: Int) throws -> [StoreKey] {
        try file.read { database in
            let statement = try database.cachedStatement(
                sql: """
                    SELECT key FROM entry WHERE key >= ? AND key > ? AND key < ? AND value IS NOT NULL
                    ORDER BY key LIMIT ?
                    """
            )
            // Sorts after every key that begins with the prefix.
            let end = prefix + String(repeating: "\u{10FFFF}", count: 128)
            return try String.fetchAll(statement, arguments: [prefix, key?.text ?? "", end, count]).map(StoreKey.init)
        }
    }

    mutating func apply(_ change: StoreChange) throws {
        try file.write { database in
            for entry in change.entries { try Self.put(entry, in: database) }
            for (writer, sequence) in change.versions {
                try database.cachedStatement(sql: "INSERT OR REPLACE INTO version VALUES (?, ?)")
                    .execute(arguments: [Data(writer.bytes), Int64(bitPattern: sequence)])
            }
            for id in change.replicas {
                try database.cachedStatement(sql: "INSERT OR IGNORE INTO replica VALUES (?)")
                    .execute(arguments: [Data(id.bytes)])
            }
            if let latest = change.latest {
                try database.cachedStatement(sql: "INSERT OR REPLACE INTO clock (id, time) VALUES (1, ?)")
                    .execute(arguments: [Int64(bitPattern: latest.value)])
            }
            for (writer, sequence) in change.buried {
                try database.cachedStatement(
                    sql: "DELETE FROM entry WHERE writer = ? AND sequence <= ? AND value IS NULL"
                ).execute(arguments: [Data(writer.bytes), Int64(bitPattern: sequence)])
            }
        }
    }

    private static let columns = "key, value, time, writer, sequence"

    private static func put(_ entry: StoreEntry, in database: Database) throws {
        try database.cachedStatement(
            sql: """
                INSERT INTO entry (\(columns)) VALUES (?, ?, ?, ?, ?) ON CONFLICT (key) DO UPDATE SET
                value = excluded.value, time = excluded.time, writer = excluded.writer, sequence = excluded.sequence
                """
        ).execute(
            arguments: [
                entry.key.text, entry.value, Int64(bitPattern: entry.time.value), Data(entry.writer.bytes),
                Int64(bitPattern: entry.sequence),
            ]
        )
    }

    private static func entry(_ row: Row) throws -> StoreEntry {
        StoreEntry(
            key: try StoreKey(row[0]),
            value: row[1],
            time: HybridTime(UInt64(bitPattern: row[2])),
            writer: try id(row[3]),
            sequence: UInt64(bitPattern: row[4])
        )
    }

    private static func id(_ bytes: Data) throws -> DeviceID {
        guard let id = DeviceID(bytes: bytes) else { throw KeepingFault("a row names no device") }
        return id
    }
}
