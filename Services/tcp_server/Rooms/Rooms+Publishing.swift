// SPDX-License-Identifier: Apache-2.0

import Foundation
import Logging
import MeshCore
import Metrics
import NIOCore
import SwiftProtobuf

// The way of a message: numbered and kept by the store, acknowledged, and shown.

extension Rooms {
    /// Takes a message; its acknowledgement or refusal comes to `connection` when the store has answered.
    ///
    /// The same id from the same account gets the place that it got before.
    func publish(
        _ publication: RelaySession.Publication,
        in room: Room?,
        by author: Author,
        from connection: RelayConnection
    ) {
        connection.waitsForStore()
        let id = publication.clientMessageID
        let key = PublishedMessages.Key(id, by: author.account)
        if let owner = publication.room.owner, !accountExists(owner) {
            // But what was accepted is, whoever has gone since.
            if let place = key.flatMap(published.place), place.sequence > 0 {
                return connection.accepted(accepted(id, place))
            }
            return connection.refused(id, .noSuchUser, "there is no account \(owner)")
        }
        guard let room = room ?? self.room(publication.room) else {
            return connection.refused(id, .tooManyRooms, "there are too many rooms")
        }
        take(Sent(publication: publication, room: room, author: author, connection: connection, key: key))
    }

    private func take(_ sent: Sent) {
        var sent = sent
        switch sent.key.map({ published.began($0, in: sent.room.name, now: loop.now) }) {
        case .known(let place)? where place.sequence == 0: return repeated.append(sent)
        case .known(let place)?: return sent.connection.accepted(accepted(sent.publication.clientMessageID, place))
        case .new(let number)?: sent.number = number
        case nil: break
        }
        waiting.append(sent)
        waitingBytes += sent.bytes
        guard !isStoring, !isStoringScheduled else { return }
        isStoringScheduled = true
        loop.assumeIsolated().execute { self.storeWaiting() }
    }

    private func storeWaiting() {
        isStoringScheduled = false
        guard !isStoring, !waiting.isEmpty else { return }
        isStoring = true
        storingBytes = waitingBytes
        let sent = waiting
        waiting = []
        let (drafts, places) = drafts(of: sent)
        let (loop, start) = (loop, NIODeadline.now())
        let answer = NIOLoopBound(
            { [self] (result: Result<[StoredBatch], StoreFault>) in
                Traffic.store.record(since: start)
                stored(sent, places, result)
            },
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
        var last: (room: Room, place: Int)?
        let order = sent.map { sent in
            let room = sent.room
            // Most often it is the room of the one before.
            let place = last?.room === room ? last?.place ?? 0 : places[room.name] ?? drafts.count
            last = (room, place)
            if place == drafts.count {
                places[room.name] = place
                drafts.append(RoomDrafts(room: room.name, log: room.log.id, drafts: []))
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
        waitingBytes -= storingBytes
        switch result {
        case .success(let batches): succeeded(sent, rooms, batches)
        case .failure(let fault): failed(sent, fault)
        }
        let again = repeated
        repeated = []
        for sent in again { take(sent) }
        settle(again)
        readOn()
        storeWaiting()
    }

    /// Tells those who sent messages that these are answered: once where several of one follow one another.
    private func settle(_ sent: [Sent]) {
        var last: RelayConnection?
        for sent in sent where sent.connection !== last {
            last = sent.connection
            sent.connection.settled()
        }
    }

    /// Whether more waits for the store than is to be.
    var isFull: Bool { waitingBytes >= limits.waiting }

    /// Holds `connection` back until ``isFull`` has passed.
    func holdBack(_ connection: RelayConnection) {
        heldBack.append(connection)
    }

    private func readOn() {
        if isFull { return }
        let connections = heldBack
        heldBack = []
        for connection in connections { connection.readOn() }
    }

    private func succeeded(_ sent: [Sent], _ rooms: [Int], _ batches: [StoredBatch]) {
        if fault != nil { logger.notice("the store takes messages again") }
        Traffic.messages.increment(by: sent.count)
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
            if let number = sent.number { published.finished(number, at: sequence) }
            let place = PublishedMessages.Place(room: sent.room.name, sequence: sequence)
            sent.connection.accepted(accepted(sent.publication.clientMessageID, place))
        }
        for room in news { pump(room) }
        settle(sent)
        sinceRetention.messages += sent.count
        sinceRetention.bytes += batches.reduce(0) { $0 + $1.batch.frames.readableBytes }
        if sinceRetention.messages >= 10_000 || sinceRetention.bytes >= 16 * 1_024 * 1_024 { retain() }
    }

    private func failed(_ sent: [Sent], _ fault: StoreFault) {
        count(.notStored, sent.count)
        if self.fault?.cause != fault.cause {
            logger.error("messages can't be stored, and are refused", metadata: ["fault": "\(fault)"])
        }
        self.fault = fault
        for sent in sent {
            let id = sent.publication.clientMessageID
            if let number = sent.number { published.failed(number) }
            sent.connection.refused(id, .notStored, "the relay can't store messages now; send it again later")
        }
        settle(sent)
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
