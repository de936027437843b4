// SPDX-License-Identifier: Apache-2.0

import MeshCore
import NIOCore
import SwiftProtobuf

/// A client of the JSON dialect that asks for whatever it likes: nothing passes that the rules don't allow, and each part
/// of a log that it is given is one that it asked for, in a frame.
///
/// The letters of the plan are what happens beside its requests.
func fuzzSession(_ input: [UInt8]) {
    var relay = RelayOfOne(Plan(input))
    relay.run()
}

/// ``RelaySession`` and what its driver does, with rooms that are in memory alone.
private struct RelayOfOne {
    private var plan: Plan
    private var session = RelaySession()
    private var account: AccountName?
    private var rooms: [RoomName: RoomLog] = [:]
    private var hasEnded = false

    init(_ plan: Plan) {
        self.plan = plan
    }

    mutating func run() {
        perform(session.opened(.mayTakePasswords))
        var buffer = ByteBuffer(bytes: plan.rest)
        guard var decoder = RelayRequestDecoder(.json) else { return }
        do throws(WireViolation) {
            while session.takesRequests, let request = try decoder.next(from: &buffer) {
                happens(plan.next())
                if session.takesRequests { perform(session.received(request)) }
            }
        } catch {
            perform(session.violated(error))
        }
        perform(session.inputClosed())
        require(session.hasEnded && hasEnded, "The session outlives its connection")
        perform(session.received(.ping(WirePing())) + session.kicked() + session.replaced())
    }

    private mutating func happens(_ letter: Character) {
        switch letter {
        case "d": perform(session.loginDeadlinePassed())
        case "o": perform(session.replaced())
        case "k": perform(session.kicked())
        case "f": for name in rooms.keys { forgetHalf(of: name) }
        default: break
        }
    }

    /// What retention does.
    private mutating func forgetHalf(of name: RoomName) {
        guard var log = rooms[name] else { return }
        log.forget(before: (log.first + log.head) / 2 + 1)
        rooms[name] = log
    }

    private mutating func perform(_ actions: [RelaySession.Action]) {
        for action in actions {
            require(!hasEnded, "\(action) after the end")
            switch action {
            case .verify(.password(_, let user)), .verify(.ticket(_, let user, _)): verify(user)
            case .enter(let name, let entrance): enter(name, entrance)
            case .publish(let publication): publish(publication)
            case .join(let room), .tellWho(let room): requireRight(to: room)
            case .leave(let room): require(room != .lobby && room.owner == nil, "\(room) can be left")
            case .page(let request): page(request)
            case .send, .startLoginDeadline, .stopLoginDeadline: break
            case .end: hasEnded = true
            }
        }
    }

    private mutating func verify(_ user: String) {
        let verdict: RelaySession.Verdict? =
            switch plan.next() {
            case "w": .wrong
            case "t": .invalidTicket
            case "b": .busy(retryAfter: .seconds(1))
            default: AccountName(user).map { .right($0, seal: "") }
            }
        perform(session.verified(verdict ?? .wrong))
    }

    private mutating func enter(_ name: AccountName, _ entrance: RelaySession.Entrance) {
        account = name
        for position in entrance.positions {
            guard let room = RoomName(position.room) else { continue }
            let cursor = (rooms[room] ?? RoomLog(id: 1, room: room)).resume(after: position.sequence, session: 1)
            require(cursor.next >= 1, "\(position) leads to \(cursor.next)")
        }
        perform(session.entered(.admitted(.init(session: entrance.session, heads: [], ticket: nil))))
    }

    private mutating func publish(_ publication: RelaySession.Publication) {
        guard let account, session.isOnline else { return require(false, "Somebody published who is not logged in") }
        if case .text(let text) = publication.body {
            require((try? text.checkText(limit: RelayLimits.text)) != nil, "\(text.debugDescription) was let pass")
        }
        let (id, room) = (publication.clientMessageID, publication.room)
        require(id.utf8.count <= RelayLimits.identifier, "An id of \(id.utf8.count) bytes")
        var log = rooms[room] ?? RoomLog(id: 1, room: room)
        let draft = MessageDraft(
            author: Author(account: account, session: 1),
            clientMessageID: id,
            body: publication.body,
            time: MessageTime()
        )
        log.append(MessageBatch([draft], in: room, from: log.head + 1))
        rooms[room] = log
    }

    private func page(_ request: HistoryRequest) {
        requireRight(to: request.room)
        let log = rooms[request.room] ?? RoomLog(id: 1, room: request.room)
        let range = request.range(first: log.first, head: log.head)
        let messages = range.flatMap { log.messages(from: $0.lowerBound, through: $0.upperBound) } ?? []
        require(messages.map(\.sequence) == range.map(Array.init) ?? [], "\(messages.count) messages for \(request)")
        require(messages.count <= request.limit, "More than was asked for")
        let event = request.page(messages, first: log.first, head: log.head)
        guard case .page(let page) = event else { return require(false, "\(event) is no page") }
        require(page.messages.isEmpty == messages.isEmpty, "A page without what it is to bring")
        let given = page.messages.map(\.sequence)
        require(given == given.first.map { Array($0..<$0 + UInt64(given.count)) } ?? [], "A hole in \(given)")
        for dialect in [Dialect.json, .binary] {
            var buffer = ByteBuffer()
            dialect.write(event, to: &buffer)
            require(buffer.readableBytes <= RelayLimits.frame, "A page of \(buffer.readableBytes) bytes")
        }
    }

    private func requireRight(to room: RoomName) {
        require(session.isOnline, "\(room) is open to who is not logged in")
        require(room.owner == nil || room.owner == account, "\(room) is open to \(account?.description ?? "all")")
        require(RoomName(room.description) == room, "\(room) is no name")
    }
}
