// SPDX-License-Identifier: Apache-2.0

import MeshCore
import TestSupport
import Testing

/// One room, whatever is spoken in it.
@Suite struct DialectsMeetTests {
    private static let count = 60

    @Test func `all dialects see the same messages in the same order, as they come and as history`() async throws {
        try await withTemporaryDirectory { directory in
            let ways = Speaker.Way.allCases
            let accounts = ways.map(\.rawValue) + ways.map { "late-\($0)" }
            let relay = try await RunningRelay.start(in: directory, accounts: accounts)
            defer { relay.process.kill() }
            let port = relay.port
            var speakers: [Speaker] = []
            for way in ways { speakers.append(try await Speaker(way, as: way.rawValue, at: port)) }
            for way in ways {
                #expect(await eventually { relay.process.log.contains("user=\(way.rawValue)") }, "\(way)")
            }
            try await withThrowingTaskGroup { tasks in
                for speaker in speakers {
                    tasks.addTask {
                        for number in 1...Self.count { try await speaker.say("\(speaker.name) \(number) ü\u{1F600}") }
                    }
                }
                try await tasks.waitForAll()
            }
            let others = Self.count * (ways.count - 1)
            for speaker in speakers {
                #expect(await eventually { speaker.heard.count == others }, "\(speaker.way): \(speaker.heard.count)")
            }
            // Who comes later is given all of it.
            let all = Self.count * ways.count
            var order: [String] = []
            for way in ways {
                let late = try await Speaker(way, as: "late-\(way.rawValue)", at: port)
                #expect(await eventually { late.heard.count == all }, "\(way): \(late.heard.count)")
                if order.isEmpty { order = late.heard }
                #expect(late.heard == order, "\(way)")
                #expect(way == .lines || late.messages.map(\.sequence) == Array(1...UInt64(all)), "\(way)")
            }
            #expect(Set(order).count == all)
            for speaker in speakers {
                #expect(speaker.heard == order.filter { !$0.hasPrefix("[\(speaker.name)]") }, "\(speaker.way)")
            }
        }
    }
}
