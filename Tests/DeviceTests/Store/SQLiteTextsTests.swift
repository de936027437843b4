// SPDX-License-Identifier: Apache-2.0

import MeshCore
import SwiftProtobuf
import TestSupport
import Testing

@testable import device

@Suite struct SQLiteTextsTests {
    @Test func `a term that is too high for the disk is kept as the highest`() async throws {
        try await withTemporaryDirectory { directory in
            let disk = try AgentDisk(path: directory + "/device.sqlite")
            try disk.synced.keep(term: .max)
            #expect(try disk.synced.term() == UInt64(Int64.max))
        }
    }

    @Test func `whom the device met, what came and what waits is there again`() async throws {
        try await withTemporaryDirectory { directory in
            let path = directory + "/device.sqlite"
            let kitchen = try #require(DeviceID("1a2b3c4d-0000-8000-8000-000000000000"))
            let texts = (1...3).map { number in
                KeptText(text: "text \(number)", time: .init(), place: .init(instance: .max, number: UInt64(number)))
            }
            do {
                let disk = try AgentDisk(path: path)
                try disk.synced.met(kitchen, name: "kitchen", at: 1)
                try disk.synced.met(kitchen, name: "Kitchen", at: 2)
                try disk.unsynced.note([kitchen: ReceivedTexts(instance: .max, number: 7)])
                try disk.synced.keep(texts, for: kitchen)
                try disk.synced.keep(Array(texts.dropFirst()), for: kitchen)
            }
            let met = try AgentDisk(path: path).synced.load()
            var expected = SQLiteTexts.Acquaintance(name: "Kitchen", lastSeen: 2)
            expected.received = ReceivedTexts(instance: .max, number: 7)
            expected.kept = Array(texts.dropFirst())
            #expect(met == [kitchen: expected])
        }
    }
}
