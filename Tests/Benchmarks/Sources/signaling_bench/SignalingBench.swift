// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Bench
import Foundation

@main
struct SignalingBench: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "Tests/Benchmarks/run.sh signaling",
        abstract: "Measures signaling_server, its lists beside nginx."
    )

    enum Benchmark: String, CaseIterable, ExpressibleByArgument {
        case list, heartbeat, crowd, watch, churn
    }

    @Option(help: "Only these of: list, heartbeat, crowd, watch, churn; with commas between.")
    var only: String?

    @Flag(help: "Shorter runs, and half an hour of churn.")
    var short = false

    @Option(help: "Watchers for watch.")
    var watchers = 5_000

    @Option(help: "Minutes of churn.")
    var churnMinutes: Int?

    @Option(help: .hidden)
    var server: String

    func run() throws {
        // A server that goes away is a failure to report, not the end.
        signal(SIGPIPE, SIG_IGN)
        let names = only?.split(separator: ",").map(String.init)
        let chosen = try names?.map { name in
            guard let benchmark = Benchmark(rawValue: name) else { throw ValidationError("\(name) is no benchmark") }
            return benchmark
        }
        var bars: [Bar] = []
        for benchmark in chosen ?? Benchmark.allCases {
            say("\(benchmark.rawValue) …")
            bars += try measure(benchmark)
        }
        say(Bar.table(bars))
        if bars.contains(where: { !$0.isMet }) { throw ExitCode(1) }
    }

    private func measure(_ benchmark: Benchmark) throws -> [Bar] {
        switch benchmark {
        case .list: try ListBenchmark(program: server, seconds: short ? 3 : 10).run()
        case .heartbeat: try HeartbeatBenchmark(program: server, seconds: short ? 10 : 30).run()
        case .crowd: try CrowdBenchmark(program: server).run()
        case .watch: try WatchBenchmark(program: server, watchers: watchers, seconds: short ? 5 : 20).run()
        case .churn: try ChurnBenchmark(program: server, minutes: churnMinutes ?? (short ? 30 : 120)).run()
        }
    }
}
