// SPDX-License-Identifier: Apache-2.0

import Foundation
import GRDB
import MeshCore
import NIOCore
import Synchronization

// What is behind memory, for readers that are behind it.

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

    /// The batches that are intact: where a part of the database is damaged, those behind it.
    static func batches(
        _ room: Int64,
        from: UInt64,
        bytes: Int,
        _ database: Database
    ) throws -> [MessageBatch] {
        var batches: [MessageBatch] = []
        var (start, step) = (from, UInt64(1))
        while true {
            do {
                try readBatches(room, from: start, bytes: bytes, database, into: &batches)
                return batches
            } catch let error as DatabaseError where error.resultCode == .SQLITE_CORRUPT {
                guard batches.isEmpty, start < sequenceMask / 4 else { return batches }
                (start, step) = (start + step, 2 * step)
            }
        }
    }

    static func readBatches(
        _ room: Int64,
        from: UInt64,
        bytes: Int,
        _ database: Database,
        into batches: inout [MessageBatch]
    ) throws {
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
        var total = 0
        while total < bytes, batches.count < 1_000, let row = try rows.next() {
            guard let batch = batch(of: row)?.batch, batch.last >= from else { continue }
            batches.append(batch)
            total += batch.frames.readableBytes
        }
    }

    /// Nil for a row that is not as it was written.
    static func batch(of row: Row) -> (batch: MessageBatch, ids: [String])? {
        guard let key = row[0] as Int64?, let frames = row[1] as Data?, let origins = row[2] as Data?,
            row[3] as Data? == checksum(key, frames, origins), let origins = Origins(origins)
        else { return nil }
        let first = UInt64(key & sequenceMask)
        let batch = MessageBatch(first: first, frames: ByteBuffer(bytes: frames), sessions: origins.sessions)
        return batch.map { ($0, origins.ids) }
    }
}
