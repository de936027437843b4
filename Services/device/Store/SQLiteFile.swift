// SPDX-License-Identifier: Apache-2.0

import Foundation
import GRDB

/// The database in which a device keeps what must outlive it.
///
/// Its functions block: the agent has a thread of its own.
struct SQLiteFile: Sendable {
    let queue: DatabaseQueue

    /// What has become of that which was written when a function that writes returns.
    enum Durability: String {
        case synced = "FULL"
        /// The operating system has it.
        case unsynced = "NORMAL"
    }

    /// Opens the database, and makes it where it is not there yet.
    init(path: String, durability: Durability) throws(KeepingFault) {
        do {
            queue = try Self.open(path, durability)
        } catch let fault as KeepingFault {
            throw fault
        } catch {
            throw KeepingFault("can't use \(path): \(Self.reason(error))")
        }
    }

    func read<Value>(_ body: (Database) throws -> Value) throws(KeepingFault) -> Value {
        do { return try queue.read(body) } catch {
            throw KeepingFault("can't read \(queue.path): \(Self.reason(error))")
        }
    }

    func write<Value>(_ body: (Database) throws -> Value) throws(KeepingFault) -> Value {
        do {
            return try queue.write(body)
        } catch {
            throw KeepingFault("can't write to \(queue.path): \(Self.reason(error))")
        }
    }

    /// Says which layout the tables have; kept in the database's header.
    private static let layout = 1

    private static func open(_ path: String, _ durability: Durability) throws -> DatabaseQueue {
        var configuration = GRDB.Configuration()
        configuration.journalMode = .wal
        configuration.prepareDatabase {
            try $0.execute(sql: "PRAGMA synchronous = \(durability.rawValue); PRAGMA cache_size = -1000")
        }
        configuration.busyMode = .timeout(2)
        // SQLite's own files beside it get the same mode.
        if !FileManager.default.fileExists(atPath: path) {
            _ = FileManager.default.createFile(atPath: path, contents: nil, attributes: [.posixPermissions: 0o600])
        }
        let queue = try DatabaseQueue(path: path, configuration: configuration)
        try queue.write { database in
            let found = try Int.fetchOne(database, sql: "PRAGMA user_version") ?? 0
            guard found <= layout else { throw KeepingFault("\(path) was written by a newer version of device") }
            try database.execute(sql: tables + "PRAGMA user_version = \(layout)")
        }
        return queue
    }

    private static let tables = """
        CREATE TABLE IF NOT EXISTS entry (
            key TEXT NOT NULL UNIQUE, value BLOB, time INTEGER NOT NULL, writer BLOB NOT NULL, sequence INTEGER NOT NULL
        );
        CREATE INDEX IF NOT EXISTS written ON entry (writer, sequence);
        CREATE INDEX IF NOT EXISTS tombstone ON entry (writer, sequence) WHERE value IS NULL;
        CREATE INDEX IF NOT EXISTS latest ON entry (time);
        CREATE TABLE IF NOT EXISTS version (writer BLOB PRIMARY KEY, sequence INTEGER NOT NULL) WITHOUT ROWID;
        CREATE TABLE IF NOT EXISTS clock (id INTEGER PRIMARY KEY, time INTEGER NOT NULL);
        CREATE TABLE IF NOT EXISTS master (term INTEGER NOT NULL);
        CREATE TABLE IF NOT EXISTS peer (
            id BLOB PRIMARY KEY, name TEXT NOT NULL, seen INTEGER NOT NULL,
            instance INTEGER NOT NULL, number INTEGER NOT NULL
        ) WITHOUT ROWID;
        CREATE TABLE IF NOT EXISTS text (
            peer BLOB NOT NULL, position INTEGER NOT NULL, text TEXT NOT NULL, time INTEGER NOT NULL,
            instance INTEGER NOT NULL, number INTEGER NOT NULL, PRIMARY KEY (peer, position)
        ) WITHOUT ROWID;
        CREATE TABLE IF NOT EXISTS replica (id BLOB PRIMARY KEY) WITHOUT ROWID;

        """

    private static func reason(_ error: any Error) -> String {
        guard let error = error as? DatabaseError else { return "\(error)" }
        return error.message ?? "\(error.resultCode)"
    }
}

/// Why something could not be kept, or read, for an operator: it names the file.
struct KeepingFault: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) {
        self.description = description
    }
}
