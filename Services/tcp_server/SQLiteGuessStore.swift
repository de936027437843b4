// SPDX-License-Identifier: Apache-2.0

import Foundation
import GRDB
import MeshCore

/// Keeps what the ``LoginThrottle`` must know after a restart, in a SQLite database.
///
/// Blocks on the disk.
struct SQLiteGuessStore: Sendable {
    /// Says which layout the tables have; kept in the database's header.
    private static let layout = 1

    private let database: DatabaseQueue

    /// Opens the database, and makes it where it is not there yet.
    init(path: String) throws {
        var configuration = GRDB.Configuration()
        configuration.journalMode = .wal
        configuration.busyMode = .timeout(1)
        try makePrivate(path)
        database = try DatabaseQueue(path: path, configuration: configuration)
        try database.write { database in
            let found = try Int.fetchOne(database, sql: "PRAGMA user_version") ?? 0
            guard found <= Self.layout else { throw DatabaseError(message: "it is of a newer version of tcp_server") }
            try database.execute(
                sql: """
                    CREATE TABLE IF NOT EXISTS guess (
                        key BLOB PRIMARY KEY, kind INTEGER NOT NULL, calm REAL NOT NULL, next REAL NOT NULL
                    ) WITHOUT ROWID;
                    CREATE TABLE IF NOT EXISTS familiar (
                        account TEXT NOT NULL, place INTEGER NOT NULL, version INTEGER NOT NULL,
                        prefix INTEGER NOT NULL, PRIMARY KEY (account, place)
                    ) WITHOUT ROWID;
                    PRAGMA user_version = \(Self.layout);
                    """
            )
        }
    }

    /// What was stored; a row that means nothing is passed over.
    func load() throws -> (guesses: [StoredGuesses], familiar: [AccountName: [SourceAddress]]) {
        try database.write { database in
            let now = Date.now.timeIntervalSince1970
            try database.execute(sql: "DELETE FROM guess WHERE max(calm, next) <= ?", arguments: [now])
            return (try Self.guesses(database), try Self.familiar(database))
        }
    }

    /// Makes all of the changes or none.
    func apply(_ changes: [LoginThrottle.Change]) throws {
        try database.write { database in for change in changes { try Self.apply(change, to: database) } }
    }

    private static func guesses(_ database: Database) throws -> [StoredGuesses] {
        let rows = try Row.fetchAll(database, sql: "SELECT key, kind, calm, next FROM guess")
        return rows.compactMap { row in
            guard let bytes = Data.fromDatabaseValue(row["key"]), let key = GuessKey(bytes: bytes),
                let kind = Int.fromDatabaseValue(row["kind"]).flatMap(StoredGuesses.Kind.init),
                let calm = Double.fromDatabaseValue(row["calm"]), let next = Double.fromDatabaseValue(row["next"])
            else { return nil }
            return StoredGuesses(
                kind: kind,
                key: key,
                calm: Date(timeIntervalSince1970: calm),
                next: Date(timeIntervalSince1970: next)
            )
        }
    }

    private static func familiar(_ database: Database) throws -> [AccountName: [SourceAddress]] {
        let sql = "SELECT account, version, prefix FROM familiar ORDER BY account, place"
        return try Row.fetchAll(database, sql: sql).reduce(into: [:]) { places, row in
            guard let name = String.fromDatabaseValue(row["account"]).flatMap({ AccountName($0) }),
                let version = Int.fromDatabaseValue(row["version"]).flatMap(SourceAddress.Version.init),
                let prefix = Int64.fromDatabaseValue(row["prefix"])
            else { return }
            places[name, default: []].append(SourceAddress(version: version, prefix: UInt64(bitPattern: prefix)))
        }
    }

    private static func apply(_ change: LoginThrottle.Change, to database: Database) throws {
        switch change {
        case .guesses(let guesses):
            try database.cachedStatement(
                sql: "INSERT OR REPLACE INTO guess (key, kind, calm, next) VALUES (?, ?, ?, ?)"
            )
            .execute(
                arguments: [
                    guesses.key.bytes, guesses.kind.rawValue, guesses.calm.timeIntervalSince1970,
                    guesses.next.timeIntervalSince1970,
                ]
            )
        case .forgotten(let key):
            try database.cachedStatement(sql: "DELETE FROM guess WHERE key = ?").execute(arguments: [key.bytes])
        case .familiar(let name, let sources):
            try database.cachedStatement(sql: "DELETE FROM familiar WHERE account = ?")
                .execute(arguments: [name.description])
            let insertion = try database.cachedStatement(
                sql: "INSERT INTO familiar (account, place, version, prefix) VALUES (?, ?, ?, ?)"
            )
            for (place, source) in sources.enumerated() {
                let prefix = Int64(bitPattern: source.prefix)
                try insertion.execute(arguments: [name.description, place, source.version.rawValue, prefix])
            }
        }
    }
}
