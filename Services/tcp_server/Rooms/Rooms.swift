// SPDX-License-Identifier: Apache-2.0

import Foundation
import Logging
import MeshCore
import NIOCore
import SwiftProtobuf

/// All rooms, and the way of a message into one: numbered and kept by the store, then acknowledged and shown.
///
/// Belongs to one event loop, like all connections. What is published in one turn of the loop goes to the store
/// together; while the store is at work the next turns' messages gather for its next transaction (group commit).
final class Rooms {
    struct Limits: Equatable, Sendable {
        /// What a newcomer is shown of a room.
        var history = 1_000
        /// Memory for the newest messages of a room, in bytes, as long as all rooms together stay within `memory`.
        var roomMemory = 8 * 1_024 * 1_024
        var memory = 512 * 1_024 * 1_024
        var rooms = 10_000
        var roomsPerClient = 64
        /// What may wait for the store, in bytes; at that nothing more is read from those who may publish.
        var waiting = 64 * 1_024 * 1_024
    }

    let loop: any EventLoop
    let store: any MessageStore
    let limits: Limits
    let storeID: UInt64
    let logger: Logger
    let accountExists: (AccountName) -> Bool
    var rooms: [RoomName: Room] = [:]
    var published: PublishedMessages
    /// What waits for the store, each id once.
    var waiting: [Sent] = []
    /// What was sent again while it was on its way to the store.
    var repeated: [Sent] = []
    /// Of what waits and of what the store is at work on.
    var waitingBytes = 0
    /// Of what the store is at work on.
    var storingBytes = 0
    /// Who is read from again when the store has caught up.
    var heldBack: [RelayConnection] = []
    var isStoring = false
    var isStoringScheduled = false
    var isTellingScheduled = false
    var fault: StoreFault?
    /// What was stored since old messages were let go last.
    var sinceRetention = (messages: 0, bytes: 0)

    struct Sent {
        let publication: RelaySession.Publication
        let room: Room
        let author: Author
        let connection: RelayConnection
        /// Nil for a message without an id.
        let key: PublishedMessages.Key?
        /// What it is remembered by, once it is on its way to the store.
        var number: PublishedMessages.Number?

        /// Roughly what it takes in memory.
        var bytes: Int { publication.body.bytes + publication.clientMessageID.utf8.count + 256 }
    }

    init(
        loop: any EventLoop,
        store: any MessageStore,
        stored: StoredState,
        limits: Limits,
        logger: Logger,
        accountExists: @escaping (AccountName) -> Bool
    ) {
        self.loop = loop
        self.store = store
        self.limits = limits
        self.logger = logger
        self.accountExists = accountExists
        storeID = stored.id
        fault = stored.fault
        published = PublishedMessages()
        let now = loop.now
        for room in stored.rooms {
            let log = RoomLog(id: room.log, room: room.room, first: room.first, head: room.head)
            rooms[room.room] = Room(log)
        }
        for publication in stored.published {
            guard let key = PublishedMessages.Key(publication.id, by: publication.account) else { continue }
            published.remember(key, at: publication.place, now: now)
        }
    }

    /// Why messages are not taken now; nil if they are.
    var trouble: StoreFault? { fault }

    /// All rooms, by name.
    var all: [Room] { rooms.values.sorted { $0.name.description < $1.name.description } }

    /// A room that is there already.
    func existing(_ name: RoomName) -> Room? { rooms[name] }

    /// A room, made where it isn't there yet; nil where there are too many.
    func room(_ name: RoomName) -> Room? {
        if let room = rooms[name] { return room }
        // An account's inbox and the lobby are always to be had.
        guard rooms.count < limits.rooms || name.owner != nil || name == .lobby else { return nil }
        let room = Room(RoomLog(id: RoomLog.id(of: name, store: storeID), room: name))
        rooms[name] = room
        trimAll()
        return room
    }

    /// Someone reads no longer.
    func leave(_ reader: RoomReader) {
        let room = reader.room
        room.remove(reader)
        tellPresenceSoon()
        guard room.readers.isEmpty else { return }
        // What is stored can be read again; what is empty is nothing.
        if room.log.head == 0, waiting.isEmpty, !isStoring {
            rooms[room.name] = nil
        } else if store.isReadable {
            room.log.empty()
        }
    }
}
