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
            #expect(await eventually { alice.lines.contains(.welcome(user: "alice")) })
            #expect(await eventually { bob.lines.contains(.welcome(user: "bob")) })
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
            #expect(outcome == .refused("The user name or the password is wrong."))
        }
    }

    @Test func `a relay that comes back with another key ends it, and is told nothing`() async throws {
        try await RelayOnPort.run { relay, directory in
            let dialer = try RelayDialer.ofTests(relay.endpoint, directory)
            let alice = try await Conversation.start(as: "alice", dialer)
            try await alice.type("hello")
            #expect(await eventually { alice.lines.contains(.accepted(text: "hello", sequence: 1)) })
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
            #expect(await eventually { alice.lines.contains(.welcome(user: "alice")) })
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

    static func start(as user: String, _ dialer: RelayDialer) async throws -> Conversation {
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        let finished = loop.makePromise(of: RelayClient.Outcome.self)
        let shown = Shown()
        var policy = RelayClient.Policy(patience: .minutes(5), passwords: 1)
        policy.reconnect = Backoff(shortest: .milliseconds(20), longest: .milliseconds(100))
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
        lines.compactMap { if case .message(let message, _) = $0 { message.text } else { nil } }
    }

    func type(_ text: String) async throws {
        try await handOver(text).get()
    }

    func handOver(_ text: String) -> EventLoopFuture<Void> {
        loop.flatSubmit { [link] in link.value.submit(text) }
    }

    func endInput() async throws {
        try await loop.submit { [link] in link.value.inputEnded() }.get()
    }

    func interrupt() async throws {
        try await loop.submit { [link] in link.value.interrupted() }.get()
    }

    func outcome() async throws -> RelayClient.Outcome { try await end.get() }
}
