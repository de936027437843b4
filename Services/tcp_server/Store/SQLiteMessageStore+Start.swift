// SPDX-License-Identifier: Apache-2.0

import Foundation
import GRDB
import MeshCore
import NIOCore
import SwiftProtobuf
import Synchronization

// What there is when the relay starts.

extension SQLiteMessageStore {
    func load(publishedWithin window: PublishedMessages.Window) throws(StoreFault) -> StoredState {
        var stored = StoredState()
        do {
            try database.unsafeRead { database in
                let id = try Int64.fetchOne(database, sql: "SELECT id FROM store")
                stored.id = id.map { UInt64(bitPattern: $0) } ?? stored.id
                let rows = try Row.fetchAll(database, sql: "SELECT number, name, log, head FROM room ORDER BY number")
                for row in rows {
                    guard let name = RoomName(row[1]) else { continue }
                    let room = try loadRoom(row[0], dropped: UInt64(row[3] as Int64), database)
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

    /// What there is of a room of which everything up to `dropped`, and maybe more, was let go once.
    private func loadRoom(_ number: Int64, dropped: UInt64, _ database: Database) throws -> Room {
        var room = Room(number: number)
        (room.first, room.head, room.isStored) = (dropped + 1, dropped, true)
        var isFirst = true
        let range = try (Self.key(number, 0), Self.key(number + 1, 0))
        do {
            let rows = try Row.fetchCursor(
                database,
                sql: "SELECT key, count, length(frames) FROM batch WHERE key >= ? AND key < ? ORDER BY key",
                arguments: [range.0, range.1]
            )
            while let row = try rows.next() {
                let first = UInt64((row[0] as Int64) & Self.sequenceMask)
                if isFirst { room.first = first }
                isFirst = false
                room.head = first + UInt64(row[1] as Int) - 1
                room.bytes += row[2]
            }
        } catch {
            let fault = Self.fault(error, path: path)
            state.withLock { $0.fault = fault }
            // What lies behind the damage counts, too.
            let sql = "SELECT key, count FROM batch WHERE key >= ? AND key < ? ORDER BY key DESC LIMIT 1"
            if let row = try? Row.fetchOne(database, sql: sql, arguments: [range.0, range.1]) {
                room.head = UInt64((row[0] as Int64) & Self.sequenceMask) + UInt64(row[1] as Int) - 1
            }
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
                guard let (batch, ids) = Self.batch(of: row) else {
                    state.withLock { $0.fault = $0.fault ?? Self.damage(path, "messages are not as they were written") }
                    continue
                }
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
