// SPDX-License-Identifier: Apache-2.0

import MeshCore
import NIOCore
import SwiftProtobuf

// What readers are given: news, pages of the past, and who came and went.

extension Rooms {
    /// Gives all readers what is new; some hundreds in one turn of the loop, so that others have theirs.
    func pump(_ room: Room) {
        if room.isPumping {
            room.isToBePumpedAgain = true
            return
        }
        room.isPumping = true
        pump(room, room.readers, from: 0, since: .now())
    }

    private func pump(_ room: Room, _ readers: [RoomReader], from start: Int, since stored: NIODeadline) {
        let end = min(start + 256, readers.count)
        for reader in readers[start..<end] { reader.connection?.pump(reader) }
        if end < readers.count {
            return loop.assumeIsolated().execute {
                self.pump(room, readers, from: end, since: stored)
            }
        }
        Traffic.route.record(since: stored)
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
        readPage(request, range, []) { messages in
            answer(messages.map { request.page($0, first: first, head: head) } ?? Self.unreadable(request))
        }
    }

    /// Reads `range` from the store, a chunk at a time, and keeps what the page has room for; nil if it can't be read.
    private func readPage(
        _ request: HistoryRequest,
        _ range: ClosedRange<UInt64>,
        _ read: [WireMessage],
        _ answer: @escaping ([WireMessage]?) -> Void
    ) {
        guard let room = rooms[request.room] else { return answer(nil) }
        room.readStored(from: range.lowerBound, store: store, on: loop) { result in
            guard let batches = try? result.get() else { return answer(nil) }
            let news = batches.flatMap { $0.messages(from: range.lowerBound, through: range.upperBound) }
            let messages = request.fitting(read + news)
            // A chunk is more than a page: only what comes last may be in another.
            guard case .before = request.edge, let last = batches.last?.last, last < range.upperBound else {
                return answer(messages)
            }
            self.readPage(request, last + 1...range.upperBound, messages, answer)
        }
    }

    private static func unreadable(_ request: HistoryRequest) -> RelayEvent {
        .error(.with { ($0.room, $0.explanation) = (request.room.description, "the relay can't read that now") })
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
