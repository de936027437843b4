// SPDX-License-Identifier: Apache-2.0

import MeshCore
import NIOCore
import SwiftProtobuf

/// A room on its event loop: its log, and who reads it.
final class Room {
    let name: RoomName
    var log: RoomLog
    var presence = RoomPresence()
    private(set) var readers: [RoomReader] = []
    /// Readers are being given what is new.
    var isPumping = false
    var isToBePumpedAgain = false
    /// Reads of the store that are under way, and who waits for them.
    fileprivate var reads: [UInt64: [(Result<[MessageBatch], StoreFault>) -> Void]] = [:]

    init(_ log: RoomLog) {
        name = log.room
        self.log = log
    }

    /// The newest message, as clients are told it.
    var head: WirePosition {
        .with { ($0.room, $0.log, $0.sequence) = (name.description, log.id, log.head) }
    }

    func add(_ reader: RoomReader) {
        reader.index = readers.count
        readers.append(reader)
        presence.entered(reader.account)
    }

    func remove(_ reader: RoomReader) {
        guard reader.index < readers.count, readers[reader.index] === reader else { return }
        readers.swapAt(reader.index, readers.count - 1)
        readers[reader.index].index = reader.index
        readers.removeLast()
        presence.left(reader.account)
    }
}

/// A session in a room: where it is in the log, and the connection that it has now.
final class RoomReader {
    let room: Room
    let account: AccountName
    /// Nil when it is gone.
    var connection: RelayConnection?
    var cursor: Cursor
    /// What comes next is being read from the store.
    var isReading = false
    /// It was not told of the last changes, since its connection was full.
    var missedPresence = false
    fileprivate var index = 0

    init(_ room: Room, account: AccountName, connection: RelayConnection, cursor: Cursor) {
        self.room = room
        self.account = account
        self.connection = connection
        self.cursor = cursor
    }
}

extension Room {
    /// Reads a chunk of the store, from `sequence` on, for a reader that is behind what memory holds.
    ///
    /// Readers that want the same at the same time, as they do when a relay comes back, share the reading.
    func readStored(
        from sequence: UInt64,
        store: any MessageStore,
        on loop: any EventLoop,
        _ answer: @escaping (Result<[MessageBatch], StoreFault>) -> Void
    ) {
        reads[sequence, default: []].append(answer)
        guard reads[sequence]?.count == 1 else { return }
        let room = NIOLoopBound(self, eventLoop: loop)
        store.read(name, from: sequence, bytes: storedChunk) { result in
            loop.execute {
                let waiting = room.value.reads.removeValue(forKey: sequence) ?? []
                for answer in waiting { answer(result) }
            }
        }
    }
}

/// What a reader is given of the log at a time, in bytes: in memory that all readers share.
let readerChunk = 256 * 1_024
/// What is read from the store for a reader at a time, in bytes: in memory of its own.
private let storedChunk = 64 * 1_024
