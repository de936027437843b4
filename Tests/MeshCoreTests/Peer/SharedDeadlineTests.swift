// SPDX-License-Identifier: Apache-2.0

import MeshCore
import NIOCore
import Testing

@Suite struct SharedDeadlineTests {
    private let now = NIODeadline.uptimeNanoseconds(7_300_000_000)

    @Test func `what is far off is due together, never before its time and less than half a second after`() {
        let deadlines = stride(from: Int64(4_701), through: 5_200, by: 1).map { now + .milliseconds($0) }
        let shared = Set(deadlines.map { $0.shared(after: now) })
        #expect(shared == [.uptimeNanoseconds(12_500_000_000)])
        #expect(deadlines.allSatisfy { $0 <= .uptimeNanoseconds(12_500_000_000) })
    }

    @Test func `what is near keeps its time`() {
        for milliseconds in [Int64(0), 1, 499, 1_999, 2_000] {
            let deadline = now + .milliseconds(milliseconds)
            #expect(deadline.shared(after: now) == deadline)
        }
        #expect((now - .seconds(1)).shared(after: now) == now - .seconds(1))
    }
}
