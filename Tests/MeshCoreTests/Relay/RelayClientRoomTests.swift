// SPDX-License-Identifier: Apache-2.0

import MeshCore
import NIOCore
import SwiftProtobuf
import TestSupport
import Testing

/// What a client does about rooms, people, history and tickets.
@Suite struct RelayClientRoomTests {
    private let now = NIODeadline.uptimeNanoseconds(1_000_000_000)
    private let dev: RoomName
    private let timer: RelayClient.Action
    private var generator = SeededGenerator(seed: 1)
    private var client: RelayClient

    init() throws {
        dev = try #require(RoomName("dev"))
        timer = .setTimer(now + .seconds(3))
        client = RelayClient(session: "s", policy: .init(patience: .minutes(1), passwords: 3))
        _ = client.started() + client.answered(user: "alice", password: "secret", at: now) + client.connected(at: now)
        _ = welcome([position("lobby", 1, 0), position("@alice", 2, 0)], ticket: "ticket 1")
    }

    @Test mutating func `who joins a room talks there, and goes back to the lobby when leaving it`() {
        #expect(
            client.typed(.join(dev), line: 1) == [.show(.talking(in: dev)), .send(.join(.with { $0.room = "dev" }))]
        )
        let joined = WireJoined.with { $0.head = position("dev", 3, 7) }
        #expect(hear(.joined(joined)) == [.show(.joined(joined))])
        #expect(rooms(of: client.typed(.say("hello"), line: 2)) == ["dev"])
        let leaving = client.typed(.leave(nil), line: 3)
        #expect(leaving == [.show(.talking(in: .lobby)), .send(.leave(.with { $0.room = "dev" }))])
        #expect(rooms(of: client.typed(.say("hello"), line: 4)) == ["lobby"])
        let left = WireLeft.with { $0.room = "dev" }
        #expect(hear(.left(left)) == [.show(.left(left))])
        #expect(reconnect()?.positions.map(\.room) == ["@alice", "lobby"])
    }

    @Test mutating func `a text typed right behind a join is never said elsewhere, though the relay refuses the room`()
    {
        let actions = client.typed(.join(dev), line: 1) + client.typed(.say("secret"), line: 2)
        #expect(rooms(of: actions) == ["dev"])
        let full = hear(
            .error(.with { ($0.reason, $0.explanation, $0.room) = (.tooManyRooms, "there are too many", "dev") })
        )
        #expect(full == [.show(.failed(line: 1, .join(.with { $0.room = "dev" }), because: "there are too many"))])
        #expect(rooms(of: client.typed(.say("another"), line: 3)) == ["dev"])
        #expect(client.unaccepted == 2)
    }

    @Test mutating func `to one person alone one talks without a room`() {
        let bob = AccountName.named("bob")
        #expect(rooms(of: client.typed(.tell(bob, "hi"), line: 1)) == ["@bob"])
        #expect(rooms(of: client.typed(.say("hi, all"), line: 2)) == ["lobby"])
        #expect(client.typed(.join(.inbox(of: bob)), line: 3) == [.show(.talking(in: .inbox(of: bob)))])
        #expect(rooms(of: client.typed(.say("hi"), line: 4)) == ["@bob"])
        let history = client.typed(.history(limit: 5), line: 5)
        #expect(history == [.send(.history(.with { ($0.room, $0.before, $0.limit) = ("@alice", 0, 5) }))])
        #expect(client.typed(.leave(nil), line: 6) == [.show(.talking(in: .lobby))])
    }

    @Test mutating func `a new connection goes on in each room, with the ticket instead of the password`() throws {
        _ = join()
        for number in [8, 9] as [UInt64] { _ = hear(.message(message(number, in: "dev"))) }
        _ = hear(.message(message(1, in: "@alice")))
        let login = try #require(reconnect())
        #expect(login.ticket == "ticket 1" && login.password.isEmpty && login.session == "s")
        #expect(login.positions == [position("@alice", 2, 1), position("lobby", 1, 0), position("dev", 3, 9)])
        let heads = [position("lobby", 1, 4), position("@alice", 2, 1), position("dev", 3, 11)]
        #expect(welcome(heads, ticket: "ticket 2") == [.show(.reconnected), timer])
        // Seen before, and new.
        #expect(hear(.message(message(9, in: "dev"))) == [])
        #expect(hear(.message(message(10, in: "dev"))) == [.show(.message(message(10, in: "dev")))])
        #expect(reconnect()?.ticket == "ticket 2")
    }

    @Test mutating func `a ticket that holds no longer is replaced by the password, on the same connection`() {
        _ = reconnect()
        let refusal = RelayEvent.refused(.with { ($0.reason, $0.explanation) = (.invalidTicket, "old") })
        let actions = hear(refusal)
        guard case .send(.login(let login))? = actions.first else {
            Issue.record("\(actions)")
            return
        }
        #expect(login.password == "secret" && login.ticket.isEmpty)
        #expect(login.positions.count == 2)
        #expect(welcome([position("lobby", 1, 0), position("@alice", 2, 0)]).first == .show(.reconnected))
        // And if that is wrong too, since it was changed, it is over: what was typed is told to be lost.
        _ = client.typed(.say("unsent"), line: 1)
        _ = reconnect()
        let wrong = RelayEvent.refused(.with { ($0.reason, $0.explanation) = (.invalidCredentials, "wrong") })
        #expect(hear(wrong) == [.disconnect, .finish(.refused("wrong", unaccepted: 1))])
    }

    @Test mutating func `nobody is shown the ticket`() {
        _ = reconnect()
        let shown = welcome([position("lobby", 1, 0)], ticket: "secret ticket")
        #expect(!"\(shown)".contains("secret ticket"))
        var other = RelayClient(session: "t", policy: .init(patience: .minutes(1), passwords: 3))
        _ = other.started() + other.answered(user: "alice", password: "secret", at: now) + other.connected(at: now)
        let greeting = WireWelcome.with { ($0.user, $0.ticket) = ("alice", "secret ticket") }
        let first = other.received(.welcome(greeting), at: now, using: &generator)
        #expect(first.first == .show(.welcome(.with { $0.user = "alice" })))
    }

    @Test
    mutating func `a connection that broke before any history had come asks for it again, and for what came since`() {
        _ = client.typed(.join(dev), line: 1)
        _ = hear(.joined(.with { $0.head = position("dev", 3, 5_000) }))
        #expect(reconnect()?.positions.last == position("dev", 3, 4_000))
        _ = welcome([position("lobby", 1, 0), position("@alice", 2, 0), position("dev", 3, 9_000)])
        #expect(reconnect()?.positions.last == position("dev", 3, 4_000))
    }

    @Test mutating func `a gap is told once, and what comes behind it is shown`() {
        _ = join()
        let gap = WireGap.with { ($0.room, $0.first, $0.last) = ("dev", 8, 20) }
        #expect(hear(.gap(gap)) == [.show(.gap(gap))])
        #expect(hear(.gap(gap)) == [])
        #expect(reconnect()?.positions.last == position("dev", 3, 20))
        _ = welcome([position("lobby", 1, 0), position("@alice", 2, 0), position("dev", 3, 21)])
        #expect(hear(.message(message(20, in: "dev"))) == [])
        #expect(hear(.message(message(21, in: "dev"))) == [.show(.message(message(21, in: "dev")))])
    }

    @Test mutating func `a room that the relay does not let the client in again is told`() {
        _ = join()
        _ = reconnect()
        let back = welcome([position("lobby", 1, 0), position("@alice", 2, 0)])
        #expect(back == [.show(.reconnected), .show(.shutOut(room: "dev")), timer])
        #expect(reconnect()?.positions.count == 2)
    }

    @Test mutating func `the positions of very many rooms stay within what a relay takes before a login`() throws {
        let names = (10..<74).map { "\($0)" + String(repeating: "x", count: 62) }
        for (index, name) in names.enumerated() {
            _ = client.typed(.join(try #require(RoomName(name))), line: index + 1)
            _ = hear(.joined(.with { $0.head = position(name, .max, .max) }))
        }
        let login = try #require(reconnect())
        #expect(login.positions.prefix(2).map(\.room) == ["@alice", "lobby"])
        #expect(login.positions.count > 20)
        let request = WireRelayRequest.with { $0.login = login }
        let ticket = 1_024
        #expect(try request.serializedData().count + ticket < RelayLimits.bytesBeforeLogin)
    }

    @Test mutating func `questions are answered in their order, and asked again over a new connection`() {
        let people = WirePeople.with { ($0.room, $0.users) = ("lobby", ["alice", "bob"]) }
        #expect(client.typed(.who(nil), line: 1) == [.send(.who(.with { $0.room = "lobby" }))])
        _ = client.typed(.who(dev), line: 2)
        #expect(client.inputEnded() == [])
        #expect(hear(.people(people)) == [.show(.people(people))])
        _ = reconnect()
        let back = welcome([position("lobby", 1, 0), position("@alice", 2, 0)])
        #expect(back == [.show(.reconnected), .send(.who(.with { $0.room = "dev" })), timer])
        let refused = hear(.error(.with { ($0.reason, $0.explanation, $0.room) = (.notInRoom, "not in it", "dev") }))
        let failure = RelayClient.Line.failed(line: 2, .who(.with { $0.room = "dev" }), because: "not in it")
        #expect(refused == [.show(failure), .send(.bye(WireBye())), .disconnect, .finish(.left)])
    }

    @Test mutating func `the history of a room that one just came to ends before one's own words there`() throws {
        _ = client.typed(.join(dev), line: 1) + hear(.joined(.with { $0.head = position("dev", 3, 7) }))
        let said = client.typed(.say("I am new here"), line: 2)
        let id = try #require(publishes(in: said).first?.clientMessageID)
        _ = hear(.accepted(.with { ($0.clientMessageID, $0.room, $0.sequence) = (id, "dev", 8) }))
        let history = client.typed(.history(limit: 2), line: 3)
        #expect(history == [.send(.history(.with { ($0.room, $0.before, $0.limit) = ("dev", 8, 2) }))])
    }

    @Test mutating func `each page of the history begins where the one before it ended`() {
        _ = join()
        for number in [5, 6] as [UInt64] { _ = hear(.message(message(number, in: "dev"))) }
        let first = client.typed(.history(limit: 2), line: 2)
        #expect(first == [.send(.history(.with { ($0.room, $0.before, $0.limit) = ("dev", 5, 2) }))])
        // The second waits for the first, and what is typed behind it too.
        #expect(client.typed(.history(limit: 2), line: 3) + client.typed(.say("x"), line: 4) == [])
        let page = WirePage.with { ($0.room, $0.messages) = ("dev", [message(3, in: "dev"), message(4, in: "dev")]) }
        let next = hear(.page(page))
        #expect(
            next.prefix(2) == [
                .show(.page(page)), .send(.history(.with { ($0.room, $0.before, $0.limit) = ("dev", 3, 2) })),
            ]
        )
        #expect(rooms(of: next) == ["dev"])
        // What was shown of the past is not the past of what comes.
        #expect(hear(.message(message(7, in: "dev"))) == [.show(.message(message(7, in: "dev")))])
    }

    @Test mutating func `others who come and go are shown, not oneself`() {
        let presence = WirePresence.with { ($0.room, $0.joined, $0.left) = ("lobby", ["alice", "bob"], ["carol"]) }
        let others = WirePresence.with { ($0.room, $0.joined, $0.left) = ("lobby", ["bob"], ["carol"]) }
        #expect(hear(.presence(presence)) == [.show(.presence(others))])
        #expect(hear(.presence(.with { ($0.room, $0.joined) = ("lobby", ["alice"]) })) == [])
    }

    @Test mutating func `a text that the relay takes later is sent again then, before what was typed behind it`() {
        let first = client.typed(.say("one"), line: 1)
        let busy = WireError.with {
            ($0.reason, $0.clientMessageID, $0.retryAfterMilliseconds) = (.rateLimited, "s-1", 500)
        }
        #expect(hear(.error(busy)) == [.setTimer(now + .milliseconds(500))])
        #expect(client.typed(.say("two"), line: 2) == [])
        let later = client.timerFired(at: now + .milliseconds(500), using: &generator)
        #expect(later.prefix(2) == first.prefix(2))
        #expect(texts(of: later) == ["one", "two"])
        #expect(client.unaccepted == 2)
    }

    @Test mutating func `a relay that stops is not asked again before the time it names`() {
        let bye = WireBye.with {
            ($0.reason, $0.explanation, $0.retryAfterMilliseconds) = (.shuttingDown, "stops", 4_000)
        }
        #expect(hear(.bye(bye)) == [.disconnect, .show(.disconnected(because: "stops")), .setTimer(now + .seconds(4))])
    }

    @Test mutating func `a room that the client did not ask for is none of its`() {
        #expect(hear(.joined(.with { $0.head = position("trap", 9, 9) })) == [])
        #expect(hear(.left(.with { $0.room = "lobby" })) == [])
        #expect(hear(.page(.with { $0.room = "lobby" })) == [])
        #expect(reconnect()?.positions.map(\.room) == ["@alice", "lobby"])
    }
}

extension RelayClientRoomTests {
    private mutating func hear(_ event: RelayEvent) -> [RelayClient.Action] {
        client.received(event, at: now, using: &generator)
    }

    private mutating func welcome(_ heads: [WirePosition], ticket: String = "") -> [RelayClient.Action] {
        hear(.welcome(.with { ($0.user, $0.heads, $0.ticket) = ("alice", heads, ticket) }))
    }

    /// Is in the room `dev`, of which five messages are there.
    private mutating func join() -> [RelayClient.Action] {
        client.typed(.join(dev), line: 1) + hear(.joined(.with { $0.head = position("dev", 3, 5) }))
    }

    /// The connection breaks, and the client logs in over another.
    private mutating func reconnect() -> WireLogin? {
        _ = client.disconnected(because: "cut", at: now, using: &generator)
        _ = client.timerFired(at: now, using: &generator)
        guard case .send(.login(let login))? = client.connected(at: now).first else { return nil }
        return login
    }

    private func position(_ room: String, _ log: UInt64, _ sequence: UInt64) -> WirePosition {
        .with { ($0.room, $0.log, $0.sequence) = (room, log, sequence) }
    }

    private func message(_ sequence: UInt64, in room: String) -> WireMessage {
        .with { ($0.room, $0.sequence, $0.sender, $0.text) = (room, sequence, "bob", "hi") }
    }

    private func publishes(in actions: [RelayClient.Action]) -> [WirePublish] {
        actions.compactMap { if case .send(.publish(let publish)) = $0 { publish } else { nil } }
    }

    private func rooms(of actions: [RelayClient.Action]) -> [String] { publishes(in: actions).map(\.room) }

    private func texts(of actions: [RelayClient.Action]) -> [String] { publishes(in: actions).map(\.text) }
}
