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
        waitingBytes += sent.bytes
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
        waitingBytes -= sent.reduce(0) { $0 + $1.bytes }
        switch result {
        case .success(let batches): succeeded(sent, rooms, batches)
        case .failure(let fault): failed(sent, fault)
        }
        let again = repeated
        repeated = []
        for sent in again { take(sent) }
        for sent in again { sent.connection.settled() }
        readOn()
        storeWaiting()
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
            let (id, place) = (sent.publication.clientMessageID, sent.publication.room)
            let stored = PublishedMessages.Place(room: place, sequence: sequence)
            published.published(id, by: sent.author.account, at: stored, now: loop.now)
            sent.connection.accepted(accepted(id, stored))
        }
        for room in news { pump(room) }
        for sent in sent { sent.connection.settled() }
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
