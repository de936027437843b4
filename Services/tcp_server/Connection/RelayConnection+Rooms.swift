// SPDX-License-Identifier: Apache-2.0

import MeshCore
import NIOCore
import SwiftProtobuf

// What the client asks of the rooms.

extension RelayConnection {
    func publish(_ publication: RelaySession.Publication) {
        guard let occupant else { return }
        let room = reader(of: publication.room)?.room
        guard publication.room.owner != nil || room != nil else {
            return refuse(.notInRoom, "join \(publication.room) first", publication.room, publication.clientMessageID)
        }
        if let meter = occupant.meter, let wait = meter.take() {
            return refuse(publication, until: wait, meter.rate)
        }
        surroundings.rooms.publish(publication, in: room, by: occupant.author, from: self)
    }

    func join(_ name: RoomName) {
        if let reader = reader(of: name) { return send(.joined(.with { $0.head = reader.room.head })) }
        let most = surroundings.rooms.limits.roomsPerClient
        guard readers.count < most + 2 else { return refuse(.tooManyRooms, "you are in \(most) rooms already", name) }
        guard let reader = enter(name, at: nil) else { return refuse(.tooManyRooms, "there are too many rooms", name) }
        send(.joined(.with { $0.head = reader.room.head }))
        pumpAll()
    }

    func leave(_ name: RoomName) {
        guard let index = readers.firstIndex(where: { $0.room.name == name }) else {
            return refuse(.notInRoom, "you are not in \(name)", name)
        }
        let reader = readers.remove(at: index)
        reader.connection = nil
        surroundings.rooms.leave(reader)
        send(.left(.with { $0.room = name.description }))
    }

    func tellWho(_ name: RoomName) {
        guard let reader = reader(of: name) else { return refuse(.notInRoom, "you are not in \(name)", name) }
        send(reader.room.presence.people(in: name))
    }

    func page(_ request: HistoryRequest) {
        guard reader(of: request.room) != nil else {
            return refuse(.notInRoom, "you are not in \(request.room)", request.room)
        }
        // Held back until the page is there: a client has one under way, however many it asks for.
        waitingForStore += Self.mostWaiting
        surroundings.rooms.page(request) { event in
            self.waitingForStore -= Self.mostWaiting
            self.send(event)
            self.settled()
        }
    }

    /// Lets the client into a room, where it was before or at its newest messages; nil where there are too many rooms.
    func enter(_ name: RoomName, at position: WirePosition?) -> RoomReader? {
        guard let occupant, let room = surroundings.rooms.room(name) else { return nil }
        let session = occupant.author.session
        let cursor =
            if let position, position.log == room.log.id {
                room.log.resume(after: position.sequence, session: session)
            } else {
                room.log.start(of: session, history: surroundings.rooms.limits.history)
            }
        let reader = RoomReader(room, account: occupant.author.account, connection: self, cursor: cursor)
        readers.append(reader)
        room.add(reader)
        surroundings.rooms.tellPresenceSoon()
        return reader
    }

    func reader(of name: RoomName) -> RoomReader? {
        readers.first { $0.room.name == name }
    }

    private func refuse(_ publication: RelaySession.Publication, until wait: TimeAmount, _ rate: PublishRate) {
        count(.rateLimited)
        // Never too early, or who does as told would be refused again.
        let milliseconds = UInt32(clamping: (wait.nanoseconds + 999_999) / 1_000_000)
        let error = WireError.with {
            $0.reason = .rateLimited
            $0.explanation = "more than \(rate.perSecond) messages a second; send it again in \(milliseconds) ms"
            ($0.room, $0.clientMessageID) = (publication.room.description, publication.clientMessageID)
            $0.retryAfterMilliseconds = milliseconds
        }
        send(.error(error))
    }

    func refuse(_ reason: WireError.Reason, _ explanation: String, _ room: RoomName, _ id: String = "") {
        let error = WireError.with {
            ($0.reason, $0.explanation) = (reason, explanation)
            ($0.room, $0.clientMessageID) = (room.description, id)
        }
        send(.error(error))
    }
}
