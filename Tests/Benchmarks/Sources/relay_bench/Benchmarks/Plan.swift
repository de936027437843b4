// SPDX-License-Identifier: Apache-2.0

import Bench

/// How much is measured, and with what.
struct Plan {
    var setup: Setup
    var servers: [ServerKind]
    var runs: Int
    var length: Length
    var profile: Profile?

    enum Length {
        case short
        case full

        /// How long one throughput is measured, in nanoseconds.
        var throughput: Int { seconds(short: 1, full: 2) }

        func seconds(short: Int, full: Int) -> Int {
            switch self {
            case .short: short * 1_000_000_000
            case .full: full * 1_000_000_000
            }
        }
    }

    /// Measures each of `subjects` once in each run, so that what else the machine does hits all alike.
    ///
    /// One that can't be measured is left out, and said to be.
    func measure<Subject, Result>(
        _ title: String,
        _ subjects: [Subject],
        named name: (Subject) -> String,
        _ body: (Subject) throws -> Result
    ) -> [(Subject, [Result])] {
        var results = subjects.map { ($0, [Result]()) }
        for run in 1...runs {
            for index in results.indices {
                let subject = results[index].0
                say("run \(run) of \(runs): \(title), \(name(subject))")
                do {
                    results[index].1.append(try body(subject))
                } catch {
                    say("  failed: \(error)")
                }
            }
        }
        return results.filter { !$0.1.isEmpty }
    }

    func measure<Result>(_ title: String, _ body: (ServerKind) throws -> Result) -> [(ServerKind, [Result])] {
        measure(title, servers, named: \.title, body)
    }
}
