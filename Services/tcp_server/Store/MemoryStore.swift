// SPDX-License-Identifier: Apache-2.0

import MeshCore
import Synchronization

/// Numbers messages and keeps nothing: what there is of a room is what its log has in memory.
final class MemoryStore: MessageStore {
    private let heads = Mutex<[RoomName: UInt64]>([:])

    var level: WireAccepted.Level { .relayed }
    var isReadable: Bool { false }

    func load(publishedWithin window: PublishedMessages.Window) -> StoredState { StoredState() }

    /// Answers before it returns.
    func append(_ drafts: [RoomDrafts], _ answer: @escaping @Sendable (Result<[StoredBatch], StoreFault>) -> Void) {
        let batches = heads.withLock { heads in
            drafts.map { drafts in
                let head = heads[drafts.room] ?? 0
                heads[drafts.room] = head + UInt64(drafts.drafts.count)
                return StoredBatch(
                    room: drafts.room,
                    batch: MessageBatch(drafts.drafts, in: drafts.room, from: head + 1)
                )
            }
        }
        answer(.success(batches))
    }

    func read(
        _ room: RoomName,
        from: UInt64,
        bytes: Int,
        _ answer: @escaping @Sendable (Result<[MessageBatch], StoreFault>) -> Void
    ) {
        answer(.success([]))
    }

    func retain(now: MessageTime, _ answer: @escaping @Sendable (Result<[RoomName: UInt64], StoreFault>) -> Void) {
        answer(.success([:]))
    }

    func close() {}
}
