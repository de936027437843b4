// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Bench
import Foundation

@main
struct DeviceBench: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "Tests/Benchmarks/run.sh device",
        abstract: "Measures devices on this machine."
    )

    enum Benchmark: String, CaseIterable, ExpressibleByArgument {
        case start
        case messages
        case bulk
        case idle
        case crash
        case visible
        case catchup
    }

    @Option(
        help: ArgumentHelp(
            "Only these of: \(Benchmark.allCases.map(\.rawValue).joined(separator: ",")).",
            valueName: "names"
        )
    )
    var only: String?

    @Flag(help: "Fewer of each, and fewer devices.")
    var short = false

    @Option(help: .hidden)
    var device: String

    func run() throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "device-bench-\(UUID())").path()
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        signal(SIGPIPE, SIG_IGN)
        let benchmarks = Benchmarks(program: device, folder: folder, isShort: short)
        var bars: [Bar] = []
        for benchmark in try chosen() {
            say("\(benchmark.rawValue) …")
            do { bars += try run(benchmark, benchmarks) } catch {
                bars.append(Bar(benchmark.rawValue, "", seen: "\(error)", isMet: false))
            }
        }
        say(Bar.table(bars))
    }

    private func run(_ benchmark: Benchmark, _ benchmarks: Benchmarks) throws -> [Bar] {
        switch benchmark {
        case .start:
            [try benchmarks.start(\.multicast, "multicast"), try benchmarks.start(\.broadcast, "broadcast")]
        case .messages: try benchmarks.messages()
        case .bulk: [try benchmarks.bulk()]
        case .idle: try benchmarks.idle()
        case .crash: try benchmarks.crash()
        case .visible: [try benchmarks.visible()]
        case .catchup: [try benchmarks.catchUp()]
        }
    }

    private func chosen() throws -> [Benchmark] {
        guard let only else { return Benchmark.allCases }
        return try only.split(separator: ",").map { name in
            guard let choice = Benchmark(rawValue: String(name)) else {
                throw ValidationError("--only takes some of the names that --help shows, not \(name)")
            }
            return choice
        }
    }
}
