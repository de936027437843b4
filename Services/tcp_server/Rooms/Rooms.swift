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
    }

    let loop: any EventLoop
    let store: any MessageStore
    let limits: Limits
    private let storeID: UInt64
    private let logger: Logger
    private let accountExists: (AccountName) -> Bool
    private var rooms: [RoomName: Room] = [:]
    private var published: PublishedMessages
    /// What waits for the store, each id once.
    private var waiting: [Sent] = []
    /// What was sent again while it was on its way to the store.
    private var repeated: [Sent] = []
    private var isStoring = false
    private var isStoringScheduled = false
    private var isTellingScheduled = false
    private var fault: StoreFault?
    private var retentionIsDue = 0

    private struct Sent {
        let publication: RelaySession.Publication
        let author: Author
        let connection: RelayConnection
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
            published.published(publication.id, by: publication.account, at: publication.place, now: now)
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

// MARK: Publishing

extension Rooms {
    /// Takes a message; its acknowledgement or refusal comes to `connection` when the store has answered.
    ///
    /// The same id from the same account gets the place that it got before.
    func publish(_ publication: RelaySession.Publication, by author: Author, from connection: RelayConnection) {
        connection.waitsForStore()
        take(Sent(publication: publication, author: author, connection: connection))
    }

    private func take(_ sent: Sent) {
        let (id, name) = (sent.publication.clientMessageID, sent.publication.room)
        if let place = published.place(of: id, by: sent.author.account) {
            if place.sequence == 0 { return repeated.append(sent) }
            return sent.connection.accepted(accepted(id, place))
        }
        if let owner = name.owner, !accountExists(owner) {
            return sent.connection.refused(id, .noSuchUser, "there is no account \(owner)")
        }
        guard room(name) != nil else { return sent.connection.refused(id, .tooManyRooms, "there are too many rooms") }
        published.published(id, by: sent.author.account, at: .init(room: name, sequence: 0), now: loop.now)
        waiting.append(sent)
        guard !isStoring, !isStoringScheduled else { return }
        isStoringScheduled = true
        loop.assumeIsolated().execute { self.storeWaiting() }
    }

    private func storeWaiting() {
        isStoringScheduled = false
        guard !isStoring, !waiting.isEmpty else { return }
        isStoring = true
        let sent = waiting
        waiting = []
        let (drafts, places) = drafts(of: sent)
        let loop = loop
        let answer = NIOLoopBound(
            { [self] (result: Result<[StoredBatch], StoreFault>) in stored(sent, places, result) },
            eventLoop: loop
        )
        store.append(drafts) { result in
            if loop.inEventLoop { answer.value(result) } else { loop.execute { answer.value(result) } }
        }
    }

    /// What is to be stored, and for each that was sent which of the rooms it is in.
    private func drafts(of sent: [Sent]) -> ([RoomDrafts], rooms: [Int]) {
        let time = MessageTime(date: .now)
        var drafts: [RoomDrafts] = []
        var places: [RoomName: Int] = [:]
        let order = sent.map { sent in
            let name = sent.publication.room
            let place = places[name] ?? drafts.count
            if place == drafts.count {
                places[name] = place
                drafts.append(RoomDrafts(room: name, log: rooms[name]?.log.id ?? 0, drafts: []))
            }
            drafts[place].drafts.append(
                MessageDraft(
                    author: sent.author,
                    clientMessageID: sent.publication.clientMessageID,
                    body: sent.publication.body,
                    time: time
                )
            )
            return place
        }
        return (drafts, order)
    }

    private func stored(_ sent: [Sent], _ rooms: [Int], _ result: Result<[StoredBatch], StoreFault>) {
        isStoring = false
        switch result {
        case .success(let batches): succeeded(sent, rooms, batches)
        case .failure(let fault): failed(sent, fault)
        }
        let again = repeated
        repeated = []
        for sent in again { take(sent) }
        for sent in again { sent.connection.settled() }
        storeWaiting()
    }

    private func succeeded(_ sent: [Sent], _ rooms: [Int], _ batches: [StoredBatch]) {
        if fault != nil { logger.notice("the store takes messages again") }
        fault = nil
        var news: [Room] = []
        var sequences: [[UInt64]] = []
        for stored in batches {
            guard let room = self.rooms[stored.room] else { continue }
            room.log.append(stored.batch)
            room.log.trim(to: roomMemory)
            let range = stored.batch.first...stored.batch.last
            if news.last === room { sequences[news.count - 1] += range } else { sequences.append(Array(range)) }
            if news.last !== room { news.append(room) }
            if !store.isReadable { room.log.forget(before: room.log.firstInMemory) }
        }
        var next = sequences.map(\.startIndex)
        for (sent, room) in zip(sent, rooms) where room < sequences.count {
            let sequence = sequences[room][next[room]]
            next[room] += 1
            let (id, place) = (sent.publication.clientMessageID, sent.publication.room)
            let stored = PublishedMessages.Place(room: place, sequence: sequence)
            published.published(id, by: sent.author.account, at: stored, now: loop.now)
            sent.connection.accepted(accepted(id, stored))
        }
        for room in news { pump(room) }
        for sent in sent { sent.connection.settled() }
        retentionIsDue += sent.count
        if retentionIsDue >= 10_000 { retain() }
    }

    private func failed(_ sent: [Sent], _ fault: StoreFault) {
        count(.notStored, sent.count)
        if self.fault?.cause != fault.cause {
            logger.error("messages can't be stored, and are refused", metadata: ["fault": "\(fault)"])
        }
        self.fault = fault
        for sent in sent {
            let id = sent.publication.clientMessageID
            published.failed(id, by: sent.author.account)
            sent.connection.refused(id, .notStored, "the relay can't store messages now; send it again later")
        }
        for sent in sent { sent.connection.settled() }
    }

    private func accepted(_ id: String, _ place: PublishedMessages.Place) -> WireAccepted {
        .with {
            $0.clientMessageID = id
            $0.room = place.room.description
            $0.sequence = place.sequence
            $0.level = store.level
        }
    }
}

// MARK: Readers

extension Rooms {
    /// Gives all readers what is new; some hundreds in one turn of the loop, so that others have theirs.
    private func pump(_ room: Room) {
        if room.isPumping {
            room.isToBePumpedAgain = true
            return
        }
        room.isPumping = true
        pump(room, room.readers, from: 0)
    }

    private func pump(_ room: Room, _ readers: [RoomReader], from start: Int) {
        let end = min(start + 256, readers.count)
        for reader in readers[start..<end] { reader.connection?.pump(reader) }
        if end < readers.count {
            return loop.assumeIsolated().execute { self.pump(room, readers, from: end) }
        }
        room.isPumping = false
        guard room.isToBePumpedAgain else { return }
        room.isToBePumpedAgain = false
        pump(room)
    }

    /// The answer to a request for a part of a room's log.
    func page(_ request: HistoryRequest, _ answer: @escaping (RelayEvent) -> Void) {
        guard let room = rooms[request.room],
            let range = request.range(first: room.log.first, head: room.log.head)
        else { return answer(request.page([], first: 1, head: 0)) }
        let (first, head) = (room.log.first, room.log.head)
        if let messages = room.log.messages(from: range.lowerBound, through: range.upperBound) {
            return answer(request.page(messages, first: first, head: head))
        }
        room.readStored(from: range.lowerBound, store: store, on: loop) { result in
            let batches = (try? result.get()) ?? []
            let messages = batches.flatMap { $0.messages(from: range.lowerBound, through: range.upperBound) }
            answer(request.page(messages, first: first, head: head))
        }
    }

    /// Someone came or went: it is told a little later, together with what else changes.
    func tellPresenceSoon() {
        guard !isTellingScheduled else { return }
        isTellingScheduled = true
        loop.assumeIsolated().scheduleTask(in: .milliseconds(100)) { self.tellPresence() }
    }

    private func tellPresence() {
        isTellingScheduled = false
        for room in rooms.values where room.presence.hasNews {
            let events = room.presence.news(of: room.name)
            let forms = Dialect.allCases.map { dialect in
                var buffer = ByteBuffer()
                for event in events { dialect.write(event, to: &buffer) }
                return buffer
            }
            for reader in room.readers { reader.connection?.tellPresence(forms, to: reader) }
        }
    }
}

// MARK: Retention

extension Rooms {
    /// Lets go of what is too old or too much, now and then.
    func startRetention() {
        loop.assumeIsolated().scheduleTask(in: .minutes(1)) {
            self.retain()
            self.startRetention()
        }
    }

    private func retain() {
        retentionIsDue = 0
        let loop = loop
        let rooms = NIOLoopBound(self, eventLoop: loop)
        store.retain(now: MessageTime(date: .now)) { result in
            loop.execute { rooms.value.retained(result) }
        }
    }

    private func retained(_ result: Result<[RoomName: UInt64], StoreFault>) {
        switch result {
        case .success(let firsts):
            for (name, first) in firsts { rooms[name]?.log.forget(before: first) }
        case .failure(let fault):
            logger.error("old messages can't be dropped", metadata: ["fault": "\(fault)"])
        }
    }

    /// A room's share of the memory.
    private var roomMemory: Int { max(64 * 1_024, min(limits.roomMemory, limits.memory / max(rooms.count, 1))) }

    private func trimAll() {
        guard rooms.count > limits.memory / limits.roomMemory, rooms.count.isMultiple(of: 64) else { return }
        for room in rooms.values { room.log.trim(to: roomMemory) }
    }
}
