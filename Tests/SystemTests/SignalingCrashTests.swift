// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

@Suite struct SignalingCrashTests {
    @Test func `killed at random moments during twenty thousand registrations, it has every one that it answered`()
        async throws
    {
        let seed = UInt64.random(in: 0...UInt64.max)
        var generator = SeededGenerator(seed: seed)
        try await withTemporaryDirectory { directory in
            var answered: Set<Substring> = []
            for round in 0..<10 {
                let server = try await ServerProcess.start(stateDirectory: directory, options: ["--ttl", "24h"])
                defer { server.kill() }
                var connections: [RawConnection] = []
                for lane in 0..<4 {
                    let requests = (0..<500).map { number in
                        "GET /register?id=r\(round)-\(lane)-\(number) HTTP/1.1\r\nHost: localhost\r\n\r\n"
                    }
                    connections.append(try await RawConnection(port: server.port, saying: requests.joined()))
                }
                let enough = Int.random(in: 1...2_000, using: &generator)
                _ = await eventually { connections.reduce(0) { $0 + names(in: $1.text).count } >= enough }
                server.kill()
                for connection in connections {
                    #expect(await eventually { connection.hasEnded })
                    answered.formUnion(names(in: connection.text))
                }
            }
            let server = try await ServerProcess.start(stateDirectory: directory, options: ["--ttl", "24h"])
            defer { server.kill() }
            let list = try await server.ask("GET /devices HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            let lines = list.split(whereSeparator: \.isNewline)
            let there = Set(lines.compactMap { $0.firstMatch(of: #/^Device (\S+): /#)?.1 })
            #expect(answered.count > 1_000, "seed \(seed)")
            #expect(answered.subtracting(there) == [], "seed \(seed)")
        }
    }

    private func names(in text: String) -> [Substring] {
        text.split(whereSeparator: \.isNewline).compactMap { line in
            guard line.hasPrefix("Registered device ") else { return nil }
            return line.split(separator: " ").dropFirst(2).first
        }
    }
}
