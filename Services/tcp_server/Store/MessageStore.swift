// SPDX-License-Identifier: Apache-2.0

import MeshCore
import NIOCore

/// What keeps the rooms' logs, and gives each message its sequence.
///
/// Its answers come on threads of its own.
protocol MessageStore: Sendable {
    /// What an acknowledged message survives.
    var level: WireAccepted.Level { get }

    /// Whether what is no longer in memory can be read here.
    var isReadable: Bool { get }

    /// What is there at the start; blocks.
    func load(publishedWithin window: PublishedMessages.Window) throws(StoreFault) -> StoredState

    /// Gives the drafts the next sequences of their rooms, in their order, and keeps them: all of them or none.
    func append(_ drafts: [RoomDrafts], _ answer: @escaping @Sendable (Result<[StoredBatch], StoreFault>) -> Void)

    /// Reads batches of a room, from that which holds `from` on: as many as make `bytes`, but at least one.
    func read(
        _ room: RoomName,
        from: UInt64,
        bytes: Int,
        _ answer: @escaping @Sendable (Result<[MessageBatch], StoreFault>) -> Void
    )

    /// Lets go of what is too old or too much, and says of those rooms what their oldest message is now.
    func retain(now: MessageTime, _ answer: @escaping @Sendable (Result<[RoomName: UInt64], StoreFault>) -> Void)

    /// Ends it, when all that was asked for before is answered; blocks.
    func close()
}

/// New messages of one room.
struct RoomDrafts: Sendable {
    let room: RoomName
    /// The log's id, for a room that the store does not have yet.
    let log: UInt64
    var drafts: [MessageDraft]
}

/// What became of ``RoomDrafts``.
struct StoredBatch: Sendable {
    let room: RoomName
    let batch: MessageBatch
}

/// What a store holds at the start.
struct StoredState: Sendable {
    struct Room: Equatable, Sendable {
        let room: RoomName
        let log: UInt64
        /// The oldest message; `head + 1` for none.
        let first: UInt64
        let head: UInt64
    }

    struct Publication: Equatable, Sendable {
        let id: String
        let account: AccountName
        let place: PublishedMessages.Place
    }

    /// Names the store: rooms that it doesn't have yet get the ids of their logs of it.
    var id = UInt64.random(in: 1 ... .max)
    var rooms: [Room] = []
    /// The oldest first.
    var published: [Publication] = []
    /// Nil for a store that takes messages.
    var fault: StoreFault?
}

/// Why a store could not do what it was asked for.
struct StoreFault: Error, Equatable, CustomStringConvertible {
    enum Cause: String {
        case full
        case readOnly = "read_only"
        case damaged
        case unusable
    }

    let cause: Cause
    /// For an operator: it names the file.
    let description: String

    init(_ cause: Cause, _ description: String) {
        self.cause = cause
        self.description = description
    }
}

/// How long messages are kept, each room by itself: until one of these is passed.
struct Retention: Equatable, Sendable {
    var messages = 1_000_000
    var age = TimeAmount.hours(30 * 24)
    var bytes = 256 * 1_024 * 1_024
}
