// SPDX-License-Identifier: Apache-2.0

import TestSupport
import Testing

@testable import MeshCore

@Suite struct SortedIDsTests {
    @Test func `ids that come and go are in their order`() throws {
        let seed = UInt64.random(in: .min ... .max)
        var generator = SeededGenerator(seed: seed)
        var ids = SortedIDs()
        var there: Set<RecordID> = []
        for _ in 0..<20_000 {
            let id = try #require(RecordID("d\(Int.random(in: 0..<6_000, using: &generator))"))
            if there.insert(id).inserted {
                ids.insert(id)
            } else {
                there.remove(id)
                ids.remove(id)
            }
        }
        #expect(ids.count == there.count, "seed \(seed)")
        for last in [nil, RecordID("a"), RecordID("d3"), RecordID("d3000"), RecordID("z")] {
            var read: [RecordID] = []
            ids.forEach(after: last) { id in
                read.append(id)
                return true
            }
            #expect(read == there.filter { id in last.map { $0 < id } ?? true }.sorted(), "seed \(seed)")
        }
        var few: [RecordID] = []
        ids.forEach(after: nil) { id in
            few.append(id)
            return few.count < 3
        }
        #expect(few.count == 3)
        for id in there { ids.remove(id) }
        #expect(ids.count == 0)
        ids.forEach(after: nil) { _ in
            Issue.record("There is none left.")
            return false
        }
    }
}
