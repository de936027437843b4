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
    let retention: Retention
    let database: DatabasePool
    let state = Mutex(State())

    struct State {
        var rooms: [RoomName: Room] = [:]
        var fault: StoreFault?
    }

    /// What the store knows of a room without reading.
    struct Room {
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
        // GRDB closes the readers last, and those can't bring the log of what was written into the database.
        _ = try? database.writeWithoutTransaction { try $0.checkpoint(.truncate) }
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

extension MessageDraft {
    /// Roughly what it takes when it is encoded.
    fileprivate var bytes: Int {
        body.bytes + 128
    }
}
