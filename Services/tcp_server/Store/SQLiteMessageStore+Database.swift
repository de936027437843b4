// SPDX-License-Identifier: Apache-2.0

import Crypto
import Foundation
import GRDB
import MeshCore

// The database: its tables, its keys, and what can be wrong with it.

extension SQLiteMessageStore {
    /// Says which layout the tables have; kept in the database's header.
    static let layout = 1

    static func open(_ path: String, isSynced: Bool) throws -> DatabasePool {
        var configuration = GRDB.Configuration()
        configuration.maximumReaderCount = 2
        configuration.busyMode = .timeout(2)
        configuration.prepareDatabase { database in
            // In WAL mode a commit at NORMAL is with the operating system, at FULL on the disk.
            try database.execute(sql: "PRAGMA synchronous = \(isSynced ? "FULL" : "NORMAL")")
            try database.execute(sql: "PRAGMA wal_autocheckpoint = 4000")
        }
        // One that is there and can't be changed is read.
        if access(path, F_OK) != 0 { try makePrivate(path) }
        let pool = try DatabasePool(path: path, configuration: configuration)
        try pool.write { database in
            let found = try Int.fetchOne(database, sql: "PRAGMA user_version") ?? 0
            guard found <= layout else {
                throw StoreFault(.unusable, "\(path) was written by a newer version of tcp_server")
            }
            try database.execute(
                sql: """
                    CREATE TABLE IF NOT EXISTS store (id INTEGER PRIMARY KEY);
                    CREATE TABLE IF NOT EXISTS room (
                        number INTEGER PRIMARY KEY, name TEXT NOT NULL, log INTEGER NOT NULL,
                        head INTEGER NOT NULL DEFAULT 0
                    );
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

    static func openToRead(_ path: String) throws -> DatabasePool {
        var configuration = GRDB.Configuration()
        configuration.readonly = true
        configuration.prepareDatabase { database in
            // A file that is shorter than it should be is not read at all otherwise.
            try database.execute(sql: "PRAGMA writable_schema = ON")
        }
        configuration.maximumReaderCount = 2
        return try DatabasePool(path: path, configuration: configuration)
    }

    /// The key of the row of a room whose first message has this sequence.
    static func key(_ room: Int64, _ sequence: UInt64) throws(StoreFault) -> Int64 {
        guard room < 1 << 20, sequence <= UInt64(sequenceMask) else {
            throw StoreFault(.unusable, "the database has no place for more rooms")
        }
        return (room << sequenceBits) | Int64(sequence)
    }

    static let sequenceBits: Int64 = 43
    static let sequenceMask: Int64 = (Int64(1) << sequenceBits) - 1

    static func checksum(_ key: Int64, _ frames: Data, _ origins: Data) -> Data {
        var hash = SHA256()
        withUnsafeBytes(of: key.bigEndian) { hash.update(bufferPointer: $0) }
        hash.update(data: frames)
        hash.update(data: origins)
        return Data(hash.finalize().prefix(8))
    }

    static func damage(_ path: String, _ reason: String) -> StoreFault {
        StoreFault(
            .damaged,
            "\(path) is damaged: \(reason); what is intact of it is served, and nothing new taken: put a copy from before "
                + "in its place, or move it away to begin anew"
        )
    }

    /// Nothing of the database's own words but its reason gets out.
    static func fault(_ error: any Error, path: String) -> StoreFault {
        if let fault = error as? StoreFault { return fault }
        guard let error = error as? DatabaseError else { return StoreFault(.unusable, "can't use \(path): \(error)") }
        let reason = error.message ?? "\(error.resultCode)"
        return switch error.resultCode {
        case .SQLITE_FULL: StoreFault(.full, "there is no room left for \(path)")
        case .SQLITE_READONLY, .SQLITE_PERM: StoreFault(.readOnly, "can't write to \(path): \(reason)")
        case .SQLITE_CORRUPT, .SQLITE_NOTADB: damage(path, reason)
        default: StoreFault(.unusable, "can't use \(path): \(reason)")
        }
    }
}
