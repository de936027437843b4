// SPDX-License-Identifier: Apache-2.0

import Bench
import Foundation

/// Memory for each of 10,000 connections that are logged in and silent; of fewer where logging in takes too long.
struct IdleBenchmark {
    let plan: Plan
    private static let connections = 10_000

    private enum Subject {
        case plaintext(ServerKind)
        case tls

        var title: String {
            switch self {
            case .plaintext(let server): server.title
            case .tls: "\(ServerKind.mesh.title), TLS"
            }
        }

        var connections: Int {
            switch self {
            // It takes a few milliseconds more for each that is there.
            case .plaintext(.ngircd): IdleBenchmark.connections / 10
            case .plaintext, .tls: IdleBenchmark.connections
            }
        }

        /// What is to be reached, in KiB.
        var most: Double? {
            switch self {
            case .plaintext(.mesh): 8
            case .plaintext: nil
            case .tls: 40
            }
        }
    }

    func run() -> [Bar] {
        let subjects = plan.servers.map(Subject.plaintext) + (plan.servers.contains(.mesh) ? [.tls] : [])
        let results = plan.measure("\(Self.connections) idle connections", subjects, named: \.title, measure)
        var table = Table(
            "Idle connections, logged in",
            columns: ["server", "connections", "KiB each", "MiB in all", "login, ms each"]
        )
        for (subject, runs) in results {
            table.add([
                subject.title,
                "\(subject.connections)",
                Figures(runs.map(\.each)).text(threeDigits),
                Figures(runs.map(\.total)).text(threeDigits),
                Figures(runs.map(\.login)).text(threeDigits),
            ])
        }
        say(table.text)
        return results.compactMap { subject, runs in
            subject.most.map { most in
                let seen = Figures(runs.map(\.each)).median
                return Bar(
                    "idle connection, \(subject.title)",
                    "≤ \(threeDigits(most)) KiB",
                    seen: "\(threeDigits(seen)) KiB",
                    isMet: seen <= most
                )
            }
        }
    }

    private struct Memory {
        /// KiB for each connection.
        let each: Double
        /// MiB of the whole server.
        let total: Double
        /// Milliseconds for each login.
        let login: Double
    }

    private func measure(_ subject: Subject) throws -> Memory {
        switch subject {
        case .plaintext(let kind):
            let server = try Server(kind, plan.setup)
            let fleet = Fleet(port: server.port, dialect: server.dialect)
            return try measure(server, subject.connections) { try fleet.grow(to: $0, role: .idler) }
        case .tls:
            let server = try Server(.mesh, plan.setup)
            let fleet = try TLSFleet(port: server.port, dialect: server.dialect)
            return try measure(server, subject.connections, fleet.grow)
        }
    }

    private func measure(_ server: Server, _ connections: Int, _ connect: (Int) throws -> Void) throws -> Memory {
        let before = server.process.settledResidentBytes()
        let start = monotonicNanoseconds()
        try connect(connections)
        let time = monotonicNanoseconds() - start
        let after = server.process.settledResidentBytes()
        return Memory(
            each: Double(after - before) / 1_024 / Double(connections),
            total: Double(after) / 1_048_576,
            login: Double(time) / 1e6 / Double(connections)
        )
    }
}

extension ServerProcess {
    /// Bytes of it that are in memory, once that no longer changes.
    fileprivate func settledResidentBytes() -> Int {
        var last = -1
        var same = 0
        _ = eventually(within: 5) {
            same = residentBytes == last ? same + 1 : 0
            last = residentBytes
            return same > 50
        }
        return last
    }
}
