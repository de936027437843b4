// SPDX-License-Identifier: Apache-2.0

import Foundation
import Logging
import MeshCore
import NIOCore
import NIOPosix
import Synchronization
import TestSupport
import Testing

@testable import device

@Suite struct AgentTests {
    @Test func `two agents find each other, talk, and take leave`() async throws {
        try await withAgents { kitchen, garden in
            kitchen.inbox.put(.listed([garden.record]))
            garden.inbox.put(.listed([kitchen.record]))
            #expect(await eventually { kitchen.says("* connected to garden") && garden.says("* connected to kitchen") })
            kitchen.inbox.put(.line("send garden hello"))
            #expect(await eventually { garden.said.contains("kitchen: hello") })
            #expect(await eventually { kitchen.said.contains("delivered to garden") })
            garden.inbox.put(.line("ping kitchen"))
            #expect(await eventually { garden.says("kitchen answered in ") })
            garden.inbox.put(.line("peers"))
            #expect(await eventually { garden.says("STATE") && garden.says("connected") })
            garden.inbox.put(.line("exit"))
            #expect(await eventually { kitchen.says("* garden (\(garden.id.short)) left") })
        }
    }

    @Test func `a device that the registry lists only on being asked again is let in, and others are refused`()
        async throws
    {
        try await withAgents { kitchen, garden in
            garden.inbox.put(.listed([]))
            kitchen.inbox.put(.listed([garden.record]))
            var questions = garden.inbox.lookUps.makeAsyncIterator()
            #expect(await questions.next() == kitchen.id)
            garden.inbox.put(.lookedUp(kitchen.id, nil))
            #expect(await eventually { garden.says("* refused kitchen") })
            #expect(
                await eventually { kitchen.says("* can't reach garden") && kitchen.says("not listed in the registry") }
            )
            // It dials again after a moment.
            #expect(await questions.next() == kitchen.id)
            garden.inbox.put(.lookedUp(kitchen.id, kitchen.record))
            #expect(await eventually { kitchen.says("* connected to garden") && garden.says("* connected to kitchen") })
        }
    }

    @Test func `what is typed wrong or can't be sent is told`() async throws {
        try await withAgents { kitchen, _ in
            kitchen.inbox.put(.listed([]))
            kitchen.inbox.put(.line("frob"))
            #expect(await eventually { kitchen.says("there is no command 'frob'") })
            kitchen.inbox.put(.line("send garden a\u{1B}[2J"))
            #expect(await eventually { kitchen.says("not sent: it has control characters") })
            kitchen.inbox.put(.line("send garden hello"))
            kitchen.inbox.put(.line("exit"))
            #expect(await eventually { kitchen.said.contains("not delivered to garden: no device is known yet") })
        }
    }

    @Test func `a signaling server that goes and comes back is told of`() async throws {
        try await withAgents { kitchen, _ in
            kitchen.inbox.put(.registry(.away("Connection refused")))
            kitchen.inbox.put(.registry(.back))
            #expect(
                await eventually {
                    kitchen.says("is away: Connection refused; trying again") && kitchen.says("is back")
                }
            )
        }
    }

    /// Two agents on free ports that run while `body` does.
    private func withAgents(_ body: @Sendable (TestAgent, TestAgent) async throws -> Void) async throws {
        let kitchen = try await TestAgent(name: "kitchen")
        let garden = try await TestAgent(name: "garden")
        try await withThrowingTaskGroup { group in
            for agent in [kitchen, garden] { group.addTask { await agent.run() } }
            try await body(kitchen, garden)
            for agent in [kitchen, garden] { agent.inbox.put(.stopped) }
            try await group.waitForAll()
        }
    }
}

/// An agent without a registry, and what it said.
private final class TestAgent: Sendable {
    let inbox = Inbox()
    let id: DeviceID
    let record: DeviceRecord
    private let listener: any Channel
    private let agent: Agent
    private let lines: Lines

    private final class Lines: Sendable {
        let said = Mutex<[String]>([])
    }

    init(name: String) async throws {
        let (inbox, lines) = (inbox, Lines())
        let identity = try Identity(commonName: name, now: .now)
        let transport = try PeerTransport(
            identity: identity,
            greeting: PeerGreeting(name: name, version: "test", instance: 1)
        ) { inbox.put(.peer($0)) }
        listener = try await transport.listen(at: try #require(Endpoint("127.0.0.1:0")))
        self.lines = lines
        id = identity.id
        let port = try #require(listener.localAddress?.port)
        let registration = try Registration(
            .object([
                "id": .string(identity.id.description), "name": .string(name),
                "addresses": .array([.string("127.0.0.1:\(port)")]),
            ])
        )
        record = DeviceRecord(
            registration: registration,
            observed: nil,
            registeredAt: .now,
            lastSeen: .now,
            expiresAt: .now,
            verified: true
        )
        var settings = AgentSettings(
            id: identity.id,
            policy: PeerPolicy(),
            signaling: SignalingAddress(argument: "http://127.0.0.1:8080"),
            isInteractive: false,
            loop: MultiThreadedEventLoopGroup.singleton.next()
        )
        settings.sendPatience = .milliseconds(500)
        agent = Agent(
            settings: settings,
            inbox: inbox,
            console: .recorder { line in lines.said.withLock { $0.append(line) } },
            transport: transport,
            logger: Logger(label: name)
        )
    }

    var said: [String] { lines.said.withLock(\.self) }

    func says(_ words: String) -> Bool { said.contains { $0.contains(words) } }

    func run() async {
        await agent.run()
        try? await listener.close()
    }
}
