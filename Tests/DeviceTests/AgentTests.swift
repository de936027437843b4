// SPDX-License-Identifier: Apache-2.0

import Foundation
import Logging
import MeshCore
import MeshProgram
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
            kitchen.inbox.put(.lines(["send garden hello"]))
            #expect(await eventually { garden.said.contains("kitchen: hello") })
            #expect(await eventually { kitchen.said.contains("delivered to garden") })
            garden.inbox.put(.lines(["ping kitchen"]))
            #expect(await eventually { garden.says("kitchen answered in ") })
            garden.inbox.put(.lines(["peers"]))
            #expect(await eventually { garden.says("STATE") && garden.says("connected") })
            for (agent, other) in [(kitchen, "garden"), (garden, "kitchen")] {
                agent.inbox.put(.lines(["explain \(other)"]))
                #expect(await eventually { agent.says("signaling, proven") || agent.says("session, proven") })
            }
            #expect(kitchen.says("chosen: ") || garden.says("chosen: "))
            kitchen.inbox.put(.lines(["master"]))
            #expect(await eventually { kitchen.says(" is master, term ") && kitchen.says("2 of 2 devices") })
            garden.inbox.put(.lines(["exit"]))
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
            kitchen.inbox.put(.lines(["frob"]))
            #expect(await eventually { kitchen.says("there is no command 'frob'") })
            kitchen.inbox.put(.lines(["send garden a\u{1B}[2J"]))
            #expect(await eventually { kitchen.says("not sent: it has control characters") })
            kitchen.inbox.put(.lines(["send garden hello"]))
            kitchen.inbox.put(.lines(["exit"]))
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

    @Test func `what one sets, the other has, and is told of where it watches`() async throws {
        try await withAgents { kitchen, garden in
            kitchen.inbox.put(.lines(["set light off"]))
            #expect(await eventually { kitchen.said.contains("set light") })
            garden.inbox.put(.lines(["watch l"]))
            kitchen.inbox.put(.listed([garden.record]))
            garden.inbox.put(.listed([kitchen.record]))
            #expect(await eventually { garden.says("* light = off  (kitchen)") })
            kitchen.inbox.put(.lines(["set light on"]))
            #expect(await eventually { garden.says("* light = on  (kitchen)") })
            garden.inbox.put(.lines(["get light"]))
            #expect(await eventually { garden.said.contains("on") })
            garden.inbox.put(.lines(["del light"]))
            #expect(await eventually { garden.says("* light is deleted  (this device)") })
            garden.inbox.put(.lines(["unwatch"]))
            garden.inbox.put(.lines(["get light"]))
            garden.inbox.put(.lines(["keys"]))
            #expect(
                await eventually {
                    garden.said.contains("there is no key 'light'") && garden.said.contains("no key has a value")
                }
            )
            kitchen.inbox.put(.lines(["set \(String(repeating: "k", count: 513)) v"]))
            #expect(await eventually { kitchen.says("the key is not valid: it is longer than 512 bytes") })
        }
    }

    @Test(
        arguments: [
            ("send garden hello", .unavailable), ("ping garden", .unavailable), ("dance", .usage), ("send", .usage),
            ("get light", .unavailable), ("set light on", nil), ("peers", nil), ("", nil),
            ("set \(String(repeating: "k", count: 513)) on", .badInput), ("send garden \u{7}", .badInput),
        ] as [(String, ProgramFailure.Kind?)]
    )
    func `a script learns from the exit code that a command was not done`(
        line: String,
        kind: ProgramFailure.Kind?
    ) async throws {
        try await withTemporaryDirectory { directory in
            let agent = try await TestAgent(name: "kitchen", in: directory)
            agent.inbox.put(.listed([]))
            agent.inbox.put(.lines([line]))
            agent.inbox.put(.inputEnded)
            #expect(await agent.run()?.kind == kind)
        }
    }

    @Test func `a script whose text is kept for later learns so, and the text is on the disk`() async throws {
        try await withTemporaryDirectory { directory in
            let garden = try await TestAgent(name: "garden", in: directory)
            let kitchen = try await TestAgent(name: "kitchen", in: directory)
            // It is known, and never there.
            kitchen.inbox.put(.listed([garden.record]))
            kitchen.inbox.put(.lines(["send garden later"]))
            kitchen.inbox.put(.inputEnded)
            #expect(await kitchen.run()?.kind == .tryAgain)
            #expect(kitchen.said.contains("garden is away: the text is kept until it is back"))
            let texts = SQLiteTexts(file: try SQLiteFile(path: "\(directory)/kitchen.sqlite", durability: .synced))
            #expect(try texts.load()[garden.id]?.kept.map(\.text) == ["later"])
            garden.inbox.put(.stopped)
            _ = await garden.run()
        }
    }

    /// Two agents on free ports that run while `body` does.
    private func withAgents(_ body: @Sendable (TestAgent, TestAgent) async throws -> Void) async throws {
        try await withTemporaryDirectory { directory in
            let kitchen = try await TestAgent(name: "kitchen", in: directory)
            let garden = try await TestAgent(name: "garden", in: directory)
            try await withThrowingTaskGroup { group in
                for agent in [kitchen, garden] { group.addTask { _ = await agent.run() } }
                try await body(kitchen, garden)
                for agent in [kitchen, garden] { agent.inbox.put(.stopped) }
                try await group.waitForAll()
            }
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

    init(name: String, in directory: String) async throws {
        let (inbox, lines, instance) = (inbox, Lines(), UInt64.random(in: 1 ... .max))
        let identity = try Identity(commonName: name, now: .now)
        let transport = try PeerTransport(
            identity: identity,
            greeting: PeerGreeting(name: name, version: "test", instance: instance)
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
            instance: instance,
            policy: PeerPolicy(),
            signaling: SignalingAddress(argument: "http://127.0.0.1:8080"),
            isInteractive: false,
            loop: MultiThreadedEventLoopGroup.singleton.next()
        )
        settings.sendPatience = .milliseconds(500)
        agent = try Agent(
            settings: settings,
            inbox: inbox,
            console: .recorder { line in lines.said.withLock { $0.append(line) } },
            completions: Completions(),
            transport: transport,
            disk: AgentDisk(path: "\(directory)/\(name).sqlite"),
            logger: Logger(label: name)
        )
    }

    var said: [String] { lines.said.withLock(\.self) }

    func says(_ words: String) -> Bool { said.contains { $0.contains(words) } }

    /// Gives what a script would be told by the exit code.
    func run() async -> ProgramFailure? {
        let failure = await agent.run()
        try? await listener.close()
        return failure
    }
}
