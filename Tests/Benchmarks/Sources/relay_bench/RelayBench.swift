// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Bench
import Foundation

@main
struct RelayBench: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "Tests/Benchmarks/run.sh relay",
        abstract: "Measures tcp_server beside NATS, Redis, Mosquitto, ngIRCd and a bare epoll broadcaster."
    )

    enum Benchmark: String, CaseIterable, ExpressibleByArgument {
        case cpu
        case publish
        case latency
        case idle
        case resume
        case leave
        case slow
        case guess
        case door
    }

    @Option(help: ArgumentHelp("Only these of: \(names(Benchmark.self)).", valueName: "names"))
    var only: String?

    @Option(help: ArgumentHelp("Only these servers of: \(names(ServerKind.self)).", valueName: "names"))
    var servers: String?

    @Option(help: "How often each thing is measured; the median counts.")
    var runs: Int?

    @Flag(help: "One run of each, and shorter.")
    var short = false

    @Option(help: ArgumentHelp("Receivers for cpu.", valueName: "numbers"))
    var receivers = "100,1000"

    @Option(help: ArgumentHelp("Messages in flight for cpu.", valueName: "numbers"))
    var windows = "1000,16,1"

    @Option(help: ArgumentHelp("More options for tcp_server, in one argument.", valueName: "options"))
    var relayOptions = ""

    @Option(help: ArgumentHelp("Record the servers with perf, into this folder.", valueName: "folder"))
    var profile: String?

    @Option(help: .hidden)
    var relay: String

    @Option(help: .hidden)
    var broadcaster: String

    func run() throws {
        try allowManyOpenFiles()
        let benchmarks = try chosen(Benchmark.self, only, option: "--only")
        let plan = try plan()
        let bars = try benchmarks.flatMap { benchmark in
            switch benchmark {
            case .cpu:
                CPUBenchmark(
                    plan: plan,
                    receivers: try numbers(receivers, option: "--receivers"),
                    windows: try numbers(windows, option: "--windows")
                ).run()
            case .publish: PublishBenchmark(plan: plan).run()
            case .latency: LatencyBenchmark(plan: plan).run()
            case .idle: IdleBenchmark(plan: plan).run()
            case .resume: ResumeBenchmark(plan: plan).run()
            case .leave: LeaveBenchmark(plan: plan).run()
            case .slow: SlowBenchmark(plan: plan).run()
            case .guess: GuessBenchmark(plan: plan).run()
            case .door: DoorBenchmark(plan: plan).run()
            }
        }
        if !bars.isEmpty { say(Bar.table(bars)) }
    }

    private func plan() throws -> Plan {
        let more = relayOptions.split(separator: " ").map(String.init)
        return Plan(
            setup: Setup(relay: relay, broadcaster: broadcaster, clients: 10_100, relayOptions: more),
            servers: try chosen(ServerKind.self, servers, option: "--servers"),
            runs: runs ?? (short ? 1 : 3),
            length: short ? .short : .full,
            profile: profile.map { Profile(folder: URL(filePath: $0)) }
        )
    }

    private func chosen<Choice: RawRepresentable & CaseIterable>(
        _ type: Choice.Type,
        _ list: String?,
        option: String
    ) throws -> [Choice] where Choice.RawValue == String {
        guard let list else { return Array(type.allCases) }
        return try list.split(separator: ",").map { name in
            guard let choice = Choice(rawValue: String(name)) else {
                throw ValidationError("\(option) takes some of \(names(type)), not \(name)")
            }
            return choice
        }
    }

    private func numbers(_ list: String, option: String) throws -> [Int] {
        try list.split(separator: ",").map { text in
            guard let number = Int(text), number > 0 else {
                throw ValidationError("\(option) takes numbers from 1 on, with commas between them, not \(text)")
            }
            return number
        }
    }

    /// This program and the servers, which inherit it, have a file for each connection.
    private func allowManyOpenFiles() throws {
        var limit = rlimit()
        getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
        limit.rlim_cur = limit.rlim_max
        setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    }
}

private func names<Choice: RawRepresentable & CaseIterable>(_ type: Choice.Type) -> String
where Choice.RawValue == String {
    type.allCases.map(\.rawValue).joined(separator: ",")
}
