// SPDX-License-Identifier: Apache-2.0

import GRDB
import MeshCore
import NIOCore
import SwiftProtobuf
import Synchronization

// Letting go of what is too old or too much.

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
            // The numbers go on behind it, also where nothing is left.
            try database.execute(
                sql: "UPDATE room SET head = ? WHERE number = ?",
                arguments: [Int64(room.first) - 1, room.number]
            )
            changed[name] = room
        }
        return changed
    }
}
