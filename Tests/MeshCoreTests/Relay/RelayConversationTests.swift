// SPDX-License-Identifier: Apache-2.0

import MeshCore
import NIOCore
import SwiftProtobuf
import TestSupport
import Testing

/// Both ends of the relay's protocol against each other in memory, over connections that break at random.
@Suite struct RelayConversationTests {
    @Test(arguments: 1...20 as ClosedRange<UInt64>)
    func `whatever connections break, nothing is lost, repeated or out of order`(seed: UInt64) {
        var world = World(seed: seed)
        world.run(steps: 3_000)
        for (number, client) in world.clients.enumerated() {
            #expect(client.machine.unaccepted == 0, "seed \(seed)")
            for room in World.rooms {
                let said = world.said[room] ?? []
                // Each text of each client stands in the log once, in the order in which it was typed,
                let own = said.filter { $0.hasPrefix("c\(number) ") }
                #expect(own == client.typed[room], "seed \(seed)")
                // and each client was shown all that the others said, once, in the order of the log.
                #expect(client.shown[room] == said.filter { !$0.hasPrefix("c\(number) ") }, "seed \(seed)")
            }
        }
        #expect(world.breaks > 20 && world.refusedTickets > 0, "seed \(seed): too few broke to show anything")
    }
}

/// Three clients in two rooms, and a relay.
///
/// Frames are delivered one at a time, in an order drawn from the seed; a connection may break between any two of them,
/// and then what was under way is lost.
private struct World {
    struct Client {
        var machine: RelayClient
        var toRelay: [RelayRequest] = []
        var fromRelay: [RelayEvent] = []
        var session: RelaySession?
        var cursors: [RoomName: Cursor] = [:]
        var author: Author
        var wantsConnection = false
        /// Before that, a broken connection ends the conversation, or it is let into the room a second time, as a stranger.
        var hasJoined = false
        var typed: [RoomName: [String]] = [:]
        var shown: [RoomName: [String]] = [:]
    }

    static let rooms = [RoomName.lobby, dev]
    private static let dev = RoomName("dev") ?? .lobby

    var clients: [Client] = []
    var logs = [RoomName.lobby: RoomLog(id: 7, room: .lobby), dev: RoomLog(id: 8, room: dev)]
    var published = PublishedMessages()
    var said: [RoomName: [String]] = [:]
    var breaks = 0
    var refusedTickets = 0
    private var now = NIODeadline.uptimeNanoseconds(0)
    private var generator: SeededGenerator

    init(seed: UInt64) {
        generator = SeededGenerator(seed: seed)
        for number in 0..<3 {
            let name = AccountName.named("c\(number)")
            let policy = RelayClient.Policy(patience: .hours(10), passwords: 1)
            clients.append(
                Client(
                    machine: RelayClient(session: "s\(number)", policy: policy),
                    author: Author(account: name, sessionNamed: "s\(number)")
                )
            )
            perform(clients[number].machine.started(), number)
            perform(clients[number].machine.answered(user: "c\(number)", password: "p", at: now), number)
            perform(clients[number].machine.typed(.join(Self.dev), line: 0), number)
        }
    }

    mutating func run(steps: Int) {
        for step in 0..<steps {
            let number = Int.random(in: 0..<clients.count, using: &generator)
            switch Int.random(in: 0..<100, using: &generator) {
            case 0..<10:
                let text = "c\(number) \(step)"
                let room = Self.rooms.randomElement(using: &generator) ?? .lobby
                guard clients[number].hasJoined else { break }
                clients[number].typed[room, default: []].append(text)
                perform(clients[number].machine.typed(.join(room), line: step), number)
                perform(clients[number].machine.typed(.say(text), line: step), number)
            case 10..<12: breakConnection(number)
            default: advance(number)
            }
        }
        // Then everything arrives.
        for _ in 0..<20_000 { advance(Int.random(in: 0..<clients.count, using: &generator)) }
    }

    /// One thing happens to a client: it connects, or one frame arrives, or the log has news for it.
    private mutating func advance(_ number: Int) {
        if clients[number].wantsConnection {
            clients[number].wantsConnection = false
            var session = RelaySession()
            _ = session.opened(.mayTakePasswords)
            clients[number].session = session
            perform(clients[number].machine.connected(at: now), number)
        } else if clients[number].session == nil {
            now = now + .seconds(1)
            perform(clients[number].machine.timerFired(at: now, using: &generator), number)
        } else if !clients[number].toRelay.isEmpty, Bool.random(using: &generator) {
            let request = clients[number].toRelay.removeFirst()
            tell(number) { $0.received(request) }
        } else if !clients[number].fromRelay.isEmpty {
            let event = clients[number].fromRelay.removeFirst()
            perform(clients[number].machine.received(event, at: now, using: &generator), number)
        } else {
            read(number)
        }
    }

    private mutating func breakConnection(_ number: Int) {
        guard clients[number].session != nil, clients[number].hasJoined else { return }
        breaks += 1
        close(number)
        perform(clients[number].machine.disconnected(because: "cut", at: now, using: &generator), number)
    }

    private mutating func close(_ number: Int) {
        clients[number].session = nil
        clients[number].cursors = [:]
        clients[number].toRelay = []
        clients[number].fromRelay = []
    }

    private mutating func perform(_ actions: [RelayClient.Action], _ number: Int) {
        for action in actions {
            switch action {
            case .connect: clients[number].wantsConnection = true
            case .send(let request): clients[number].toRelay.append(request)
            case .disconnect: close(number)
            case .show(.message(let message)):
                guard let room = RoomName(message.room) else { break }
                clients[number].shown[room, default: []].append(message.text)
            case .show(.joined): clients[number].hasJoined = true
            case .show, .askForCredentials, .setTimer: break
            case .finish(let outcome): Issue.record("ended: \(outcome)")
            }
        }
    }

    /// Something happens to the relay's side of a connection, if that is still there.
    private mutating func tell(_ number: Int, _ event: (inout RelaySession) -> [RelaySession.Action]) {
        guard var session = clients[number].session else { return }
        let actions = event(&session)
        clients[number].session = session
        obey(actions, number)
    }

    /// The relay's driver, as the program has it.
    private mutating func obey(_ actions: [RelaySession.Action], _ number: Int) {
        let author = clients[number].author
        for action in actions {
            switch action {
            case .send(let event): clients[number].fromRelay.append(event)
            case .verify(.ticket) where Int.random(in: 0..<4, using: &generator) == 0:
                refusedTickets += 1
                tell(number) { $0.verified(.invalidTicket) }
            case .verify: tell(number) { $0.verified(.right(author.account, seal: "")) }
            case .enter(_, let entrance): enter(entrance, number)
            case .publish(let publication): self.publish(publication, number)
            case .join(let room):
                guard let log = logs[room] else { break }
                if clients[number].cursors[room] == nil {
                    clients[number].cursors[room] = log.start(of: author.session, history: 1_000)
                }
                clients[number].fromRelay.append(.joined(.with { $0.head = log.headPosition }))
            case .leave, .tellWho, .page, .startLoginDeadline, .stopLoginDeadline: break
            case .end: close(number)
            }
        }
    }

    private mutating func enter(_ entrance: RelaySession.Entrance, _ number: Int) {
        let session = clients[number].author.session
        var heads: [WirePosition] = []
        for room in Self.rooms {
            let position = entrance.positions.first { $0.room == room.description }
            guard let log = logs[room], position != nil || room == .lobby else { continue }
            heads.append(log.headPosition)
            let known = position?.log == log.id ? position : nil
            clients[number].cursors[room] =
                known.map { log.resume(after: $0.sequence, session: session) }
                ?? log.start(of: session, history: 1_000)
        }
        let ticket = IssuedTicket(text: "a ticket", expires: 0)
        tell(number) { $0.entered(.admitted(.init(session: entrance.session, heads: heads, ticket: ticket))) }
    }

    private mutating func publish(_ publication: RelaySession.Publication, _ number: Int) {
        let (author, id) = (clients[number].author, publication.clientMessageID)
        guard let key = PublishedMessages.Key(id, by: author.account) else { return }
        let room = publication.room
        let place: PublishedMessages.Place
        switch published.began(key, in: room, now: now) {
        case .known(let known): place = known
        case .new(let beginning):
            guard case .text(let text) = publication.body, var log = logs[room] else { return }
            let draft = MessageDraft(author: author, clientMessageID: id, body: .text(text), time: MessageTime())
            log.append(MessageBatch([draft], in: room, from: log.head + 1))
            logs[room] = log
            said[room, default: []].append(text)
            place = .init(room: room, sequence: log.head)
            published.finished(beginning, at: log.head)
        }
        clients[number].fromRelay.append(
            .accepted(.with { ($0.clientMessageID, $0.room, $0.sequence) = (id, room.description, place.sequence) })
        )
    }

    private mutating func read(_ number: Int) {
        guard let room = clients[number].cursors.keys.map(\.description).sorted().randomElement(using: &generator),
            let name = RoomName(room), var cursor = clients[number].cursors[name],
            case .messages(let slices)? = logs[name]?.read(&cursor, in: .binary, limit: 100)
        else { return }
        clients[number].cursors[name] = cursor
        var decoder = RelayEventDecoder()
        for slice in slices {
            var bytes = slice
            while let event = try? decoder.next(from: &bytes) { clients[number].fromRelay.append(event) }
        }
    }
}

extension RoomLog {
    fileprivate var headPosition: WirePosition {
        .with { ($0.room, $0.log, $0.sequence) = (room.description, id, head) }
    }
}
