// SPDX-License-Identifier: Apache-2.0

import Foundation
import GRDB
import MeshCore
import SwiftProtobuf

/// Keeps whom this device has met, the texts that wait for them, and what came from them.
struct SQLiteTexts: Sendable {
    /// A device that was met.
    struct Acquaintance: Equatable {
        var name: String
        /// In seconds since 1970.
        var lastSeen: Int64
        var received = ReceivedTexts()
        var kept: [KeptText] = []
    }

    let file: SQLiteFile

    func load() throws(KeepingFault) -> [DeviceID: Acquaintance] {
        try file.read { database in
            var met: [DeviceID: Acquaintance] = [:]
            let peers = try Row.fetchAll(database, sql: "SELECT id, name, seen, instance, number FROM peer")
            for row in peers {
                let received = ReceivedTexts(instance: UInt64(bitPattern: row[3]), number: UInt64(bitPattern: row[4]))
                met[try Self.id(row[0])] = Acquaintance(name: row[1], lastSeen: row[2], received: received)
            }
            let texts = try Row.fetchAll(
                database,
                sql: "SELECT peer, text, time, instance, number FROM text ORDER BY peer, position"
            )
            for row in texts { met[try Self.id(row[0])]?.kept.append(Self.kept(row)) }
            return met
        }
    }

    /// Somebody was here at a time, in seconds since 1970.
    func met(_ id: DeviceID, name: String, at seconds: Int64) throws(KeepingFault) {
        try file.write { database in
            try database.cachedStatement(
                sql: """
                    INSERT INTO peer (id, name, seen, instance, number) VALUES (?, ?, ?, 0, 0)
                    ON CONFLICT (id) DO UPDATE SET name = excluded.name, seen = excluded.seen
                    """
            ).execute(arguments: [Data(id.bytes), name, seconds])
            try database.cachedStatement(
                sql: """
                    DELETE FROM peer WHERE id NOT IN (SELECT id FROM peer ORDER BY seen DESC LIMIT ?)
                    AND id NOT IN (SELECT peer FROM text)
                    """
            ).execute(arguments: [Self.acquaintances])
        }
    }

    /// What has come from each of these.
    func note(_ notes: [DeviceID: ReceivedTexts]) throws(KeepingFault) {
        try file.write { database in
            let update = try database.cachedStatement(sql: "UPDATE peer SET instance = ?, number = ? WHERE id = ?")
            for (id, received) in notes {
                try update.execute(arguments: [
                    Int64(bitPattern: received.instance), Int64(bitPattern: received.number), Data(id.bytes),
                ])
            }
        }
    }

    /// These texts wait for a device, instead of those before.
    func keep(_ texts: [KeptText], for id: DeviceID) throws(KeepingFault) {
        try file.write { database in
            try database.cachedStatement(sql: "DELETE FROM text WHERE peer = ?").execute(arguments: [Data(id.bytes)])
            let insertion = try database.cachedStatement(sql: "INSERT INTO text VALUES (?, ?, ?, ?, ?, ?)")
            for (position, text) in texts.enumerated() {
                try insertion.execute(arguments: [
                    Data(id.bytes), position, text.text, text.time.seconds, Int64(bitPattern: text.place.instance),
                    Int64(bitPattern: text.place.number),
                ])
            }
        }
    }

    /// The newest term of a master.
    func term() throws(KeepingFault) -> UInt64 {
        try file.read { try Int64.fetchOne($0, sql: "SELECT max(term) FROM master").map { UInt64(clamping: $0) } ?? 0 }
    }

    func keep(term: UInt64) throws(KeepingFault) {
        try file.write { database in
            try database.execute(
                sql: "DELETE FROM master; INSERT INTO master VALUES (?)",
                arguments: [Int64(clamping: term)]
            )
        }
    }

    private static let acquaintances = 1_024

    private static func kept(_ row: Row) -> KeptText {
        KeptText(
            text: row[1],
            time: MessageTime(seconds: row[2]),
            place: .init(instance: UInt64(bitPattern: row[3]), number: UInt64(bitPattern: row[4]))
        )
    }

    private static func id(_ bytes: Data) throws(KeepingFault) -> DeviceID {
        guard let id = DeviceID(bytes: bytes) else { throw KeepingFault("a row names no device") }
        return id
    }
}
