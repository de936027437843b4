// SPDX-License-Identifier: Apache-2.0

import NIOCore
import NIOPosix
import TestSupport
import Testing

@Suite struct StormTests {
    @Test
    func
        `whatever is killed, cut, paused or half closed, each accepted message comes once, in order, or is said to be missing`()
        async throws
    {
        let storm = Storm.fromEnvironment()
        let options = ["--clients-per-account", "\(storm.clients)", "--publish-rate", "0"]
        try await withTemporaryDirectory { directory in
            var relay = try await RunningRelay.start(
                in: directory,
                accounts: storm.accounts,
                options
            )
            defer { relay.process.kill() }
            let crowd = try await Crowd(storm, port: relay.port)
            #expect(await eventually { await crowd.all(\.isOnline) }, "seed \(storm.seed): not all are in")
            let texts = await crowd.publish(storm.messages)
            for kill in 1...max(1, storm.kills) where storm.kills > 0 {
                let share = texts.count * kill / (storm.kills + 1)
                #expect(
                    await eventually(within: .seconds(120)) { await crowd.sum(\.account.accepted.count) >= share },
                    "seed \(storm.seed): no progress before kill \(kill)"
                )
                relay.process.kill()
                #expect(await eventually { !relay.process.isRunning })
                relay = try await RunningRelay.start(
                    in: directory,
                    port: relay.port,
                    accounts: [],
                    options
                )
            }
            let isDone = await eventually(within: .seconds(120)) {
                await crowd.all { $0.account.isComplete(of: texts.count) }
            }
            #expect(isDone, "seed \(storm.seed): not everything has come")
            let report = await crowd.reckon()
            print("storm: seed \(storm.seed), \(storm.clients) clients, \(storm.kills) kills: \(report.summary)")
            #expect(report.accepted == texts.count)
            #expect(report.faults.isEmpty, "seed \(storm.seed): \(report.faults.prefix(20).joined(separator: "; "))")
            await crowd.stop()
        }
    }
}

/// All clients of a storm, on one event loop.
private struct Crowd {
    struct Report {
        var accepted = 0
        var delivered = 0
        var announced = 0
        var tickets = 0
        var faults: [String] = []

        var summary: String {
            "accepted \(accepted), delivered \(delivered), announced as missing \(announced), unexplained or twice "
                + "\(faults.count), logins by ticket \(tickets)"
        }
    }

    private let loop: any EventLoop
    private let clients: NIOLoopBound<[StormClient]>

    init(_ storm: Storm, port: Int) async throws {
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        self.loop = loop
        clients = try await loop.submit {
            let clients = (0..<storm.clients).map { number in
                StormClient(
                    user: storm.accounts[number % storm.accounts.count],
                    session: "session \(number)",
                    port: port,
                    seed: storm.seed &+ UInt64(number),
                    on: loop
                )
            }
            for client in clients { client.connect() }
            return NIOLoopBound(clients, eventLoop: loop)
        }.get()
    }

    private func ask<Answer: Sendable>(_ question: @escaping @Sendable ([StormClient]) -> Answer) async -> Answer? {
        try? await loop.submit { question(clients.value) }.get()
    }

    func all(_ holds: @escaping @Sendable (StormClient) -> Bool) async -> Bool {
        await ask { $0.allSatisfy(holds) } ?? false
    }

    func sum(_ figure: @escaping @Sendable (StormClient) -> Int) async -> Int {
        await ask { $0.reduce(0) { $0 + figure($1) } } ?? 0
    }

    /// Has about `count` texts said, the same number by each; gives them.
    func publish(_ count: Int) async -> [String] {
        await ask { clients in
            clients.enumerated().flatMap { number, client in
                let texts = (0..<max(1, count / clients.count)).map { "\(number).\($0)" }
                client.publish(texts)
                return texts
            }
        } ?? []
    }

    func reckon() async -> Report {
        await ask { clients in
            var report = Report()
            let accepted = clients.flatMap(\.account.accepted).sorted { $0.sequence < $1.sequence }
            report.accepted = accepted.count
            if accepted.map(\.sequence) != Array(1...UInt64(max(1, accepted.count))) {
                report.faults.append("the sequences are not 1 to \(accepted.count)")
                return report
            }
            let texts = accepted.map(\.text)
            for client in clients {
                report.delivered += client.account.delivered.count
                report.announced += client.account.announced.reduce(0) { $0 + $1.count }
                report.tickets += client.logins.ticket
                report.faults += client.account.reckon(texts).map { "\(client.session): \($0)" }
            }
            return report
        } ?? Report()
    }

    func stop() async {
        _ = await ask { clients in
            for client in clients { client.stop() }
        }
    }
}
