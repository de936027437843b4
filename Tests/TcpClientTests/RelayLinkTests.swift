// SPDX-License-Identifier: Apache-2.0

import MeshCore
import NIOCore
import NIOPosix
import Synchronization
import TestSupport
import Testing

@testable import tcp_client

@Suite struct RelayLinkTests {
    @Test func `whatever becomes of the relay meanwhile, what is typed arrives once, in order`() async throws {
        try await RelayOnPort.run { relay, directory in
            let dialer = try RelayDialer.ofTests(relay.endpoint, directory)
            let alice = try await Conversation.start(as: "alice", dialer)
            let bob = try await Conversation.start(as: "bob", dialer)
            // Who was never let in ends when the relay does.
            #expect(await eventually { alice.isWelcome })
            #expect(await eventually { bob.isWelcome })
            for round in 0..<4 {
                for number in 0..<50 { try await alice.type("\(round).\(number)") }
                if round == 3 { break }
                try await relay.stop()
                for number in 50..<60 { try await alice.type("\(round).\(number)") }
                try await relay.start()
            }
            let typed = (0..<4).flatMap { round in (0..<(round == 3 ? 50 : 60)).map { "\(round).\($0)" } }
            #expect(await eventually { bob.texts.count >= typed.count })
            #expect(bob.texts == typed)
            try await alice.endInput()
            try await bob.endInput()
            let ends = try await (alice.outcome(), bob.outcome())
            #expect(ends == (.left, .left))
        }
    }

    @Test func `a wrong password ends it`() async throws {
        try await RelayOnPort.run { relay, directory in
            let dialer = try RelayDialer.ofTests(relay.endpoint, directory)
            let mallory = try await Conversation.start(as: "mallory", dialer)
            let outcome = try await mallory.outcome()
            #expect(outcome == .refused("The user name or the password is wrong.", unaccepted: 0))
        }
    }

    @Test func `a relay that comes back with another key ends it, and is told nothing`() async throws {
        try await RelayOnPort.run { relay, directory in
            let dialer = try RelayDialer.ofTests(relay.endpoint, directory)
            let alice = try await Conversation.start(as: "alice", dialer)
            try await alice.type("hello")
            #expect(await eventually { alice.accepted == ["hello"] })
            try await relay.stop()
            try relay.changeKey()
            try await relay.start()
            let outcome = try await alice.outcome()
            guard case .distrusted(let reason, unaccepted: 0) = outcome else {
                Issue.record("\(outcome)")
                return
            }
            #expect(reason.contains("has another certificate than before"))
        }
    }

    @Test func `who hands over more than the relay takes is let go when it is over`() async throws {
        try await RelayOnPort.run { relay, directory in
            let dialer = try RelayDialer.ofTests(relay.endpoint, directory)
            let alice = try await Conversation.start(as: "alice", dialer)
            #expect(await eventually { alice.isWelcome })
            try await relay.stop()
            for number in 1..<1_000 { try await alice.type("\(number)") }
            let last = alice.handOver("last")
            try await alice.interrupt()
            try await last.get()
            try await alice.type("too late")
            let outcome = try await alice.outcome()
            #expect(outcome == .lost("interrupted", unaccepted: 1_000))
            try await relay.start()
        }
    }

    @Test func `people meet in rooms, talk alone, and read what was said before`() async throws {
        try await RelayOnPort.run(history: 2) { relay, directory in
            let dialer = try RelayDialer.ofTests(relay.endpoint, directory)
            let alice = try await Conversation.start(as: "alice", dialer)
            let dev = try #require(RoomName("dev"))
            try await alice.does(.join(dev))
            for number in 1...5 { try await alice.type("\(number)") }
            try await alice.does(.tell(.named("bob"), "for you"))
            #expect(await eventually { alice.accepted == ["1", "2", "3", "4", "5", "for you"] })
            let bob = try await Conversation.start(as: "bob", dialer)
            // Nobody but bob, and only when he comes.
            #expect(await eventually { bob.texts == ["for you"] })
            try await bob.does(.join(dev))
            #expect(await eventually { bob.texts == ["for you", "4", "5"] })
            try await bob.does(.who(nil))
            #expect(await eventually { bob.people == [["alice", "bob"]] })
            try await bob.does(.history(limit: 2))
            #expect(await eventually { bob.pages == [["2", "3"]] })
            try await bob.does(.history(limit: 2))
            #expect(await eventually { bob.pages == [["2", "3"], ["1"]] })
            // What alice said there is all on her screen.
            try await alice.does(.history(limit: 2))
            #expect(await eventually { alice.pages == [[]] })
            try await bob.does(.leave(nil))
            try await bob.does(.who(dev))
            #expect(await eventually { bob.failures == ["you are not in dev"] })
            try await alice.does(.tell(.named("nobody"), "hello?"))
            #expect(await eventually { alice.failures == ["there is no account nobody"] })
            #expect(alice.texts == [])
        }
    }

    @Test func `rooms and what was said in them outlive the relay's restarts, and nothing comes twice`() async throws {
        try await RelayOnPort.run { relay, directory in
            let dialer = try RelayDialer.ofTests(relay.endpoint, directory)
            let dev = try #require(RoomName("dev"))
            let alice = try await Conversation.start(as: "alice", dialer)
            let bob = try await Conversation.start(as: "bob", dialer)
            for person in [alice, bob] { try await person.does(.join(dev)) }
            #expect(await eventually { alice.isIn(dev) && bob.isIn(dev) })
            for round in 0..<2 {
                try await alice.type("\(round) before")
                #expect(await eventually { bob.texts.last == "\(round) before" })
                try await relay.stop()
                try await alice.type("\(round) meanwhile")
                try await bob.does(.tell(.named("alice"), "\(round) alone"))
                try await relay.start()
            }
            #expect(await eventually { bob.texts.count >= 4 && alice.texts.count >= 2 })
            #expect(bob.texts == ["0 before", "0 meanwhile", "1 before", "1 meanwhile"])
            #expect(alice.texts == ["0 alone", "1 alone"])
        }
    }

    @Test func `a link that goes dead without a word is noticed, and another made`() async throws {
        try await RelayOnPort.run { relay, directory in
            let line = try await DeadEnd(to: relay.endpoint)
            let dialer = RelayDialer(relay: line.endpoint, trust: nil)
            var policy = Conversation.policy
            (policy.pingAfter, policy.deadAfter) = (.milliseconds(100), .milliseconds(300))
            let alice = try await Conversation.start(as: "alice", dialer, policy)
            #expect(await eventually { alice.isWelcome })
            line.holdEverything()
            try await alice.type("into the void")
            #expect(await eventually { alice.hasLost })
            line.letNewOnesThrough()
            #expect(await eventually { alice.accepted == ["into the void"] })
            try await line.close()
        }
    }
}

/// A link without a person: what it shows is kept.
private final class Conversation: Sendable {
    private let loop: any EventLoop
    private let link: NIOLoopBound<RelayLink>
    private let end: EventLoopFuture<RelayClient.Outcome>
    private let shown: Shown

    private final class Shown: Sendable {
        let lines = Mutex<[RelayClient.Line]>([])
    }

    private init(
        _ loop: any EventLoop,
        _ link: NIOLoopBound<RelayLink>,
        _ end: EventLoopFuture<RelayClient.Outcome>,
        _ shown: Shown
    ) {
        (self.loop, self.link, self.end, self.shown) = (loop, link, end, shown)
    }

    static var policy: RelayClient.Policy {
        var policy = RelayClient.Policy(patience: .minutes(5), passwords: 1)
        policy.reconnect = Backoff(shortest: .milliseconds(20), longest: .milliseconds(100))
        return policy
    }

    static func start(
        as user: String,
        _ dialer: RelayDialer,
        _ policy: RelayClient.Policy = policy
    ) async throws -> Conversation {
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        let finished = loop.makePromise(of: RelayClient.Outcome.self)
        let shown = Shown()
        let machine = RelayClient(session: "session of \(user)", policy: policy)
        let link = try await loop.submit {
            let link = RelayLink(
                machine: machine,
                dialer: dialer,
                surroundings: .init(
                    show: { line in shown.lines.withLock { $0.append(line) } },
                    askForCredentials: { (user, "secret") }
                ),
                finished: finished,
                loop: loop
            )
            link.start()
            return NIOLoopBound(link, eventLoop: loop)
        }.get()
        return Conversation(loop, link, finished.futureResult, shown)
    }

    var lines: [RelayClient.Line] { shown.lines.withLock { $0 } }

    var texts: [String] {
        lines.compactMap { if case .message(let message) = $0 { message.text } else { nil } }
    }

    var accepted: [String] {
        lines.compactMap { if case .accepted(_, let text, _) = $0 { text } else { nil } }
    }

    var isWelcome: Bool {
        lines.contains { if case .welcome = $0 { true } else { false } }
    }

    /// What was said on each page of history.
    var pages: [[String]] {
        lines.compactMap { if case .page(let page) = $0 { page.messages.map(\.text) } else { nil } }
    }

    var people: [[String]] {
        lines.compactMap { if case .people(let people) = $0 { people.users } else { nil } }
    }

    var failures: [String] {
        lines.compactMap { if case .failed(_, _, let reason) = $0 { reason } else { nil } }
    }

    var hasLost: Bool {
        lines.contains { if case .disconnected = $0 { true } else { false } }
    }

    func isIn(_ room: RoomName) -> Bool {
        lines.contains { if case .joined(let joined) = $0 { joined.head.room == room.description } else { false } }
    }

    func does(_ command: RelayClient.Command) async throws {
        try await loop.flatSubmit { [link] in link.value.submit(command, line: 0) }.get()
    }

    func type(_ text: String) async throws {
        try await handOver(text).get()
    }

    func handOver(_ text: String) -> EventLoopFuture<Void> {
        loop.flatSubmit { [link] in link.value.submit(.say(text), line: 0) }
    }

    func endInput() async throws {
        try await loop.submit { [link] in link.value.inputEnded() }.get()
    }

    func interrupt() async throws {
        try await loop.submit { [link] in link.value.interrupted() }.get()
    }

    func outcome() async throws -> RelayClient.Outcome { try await end.get() }
}
