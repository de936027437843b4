// SPDX-License-Identifier: Apache-2.0

import Dispatch
import NIOCore
import NIOPosix
import Synchronization
import Testing

@testable import tcp_server

@Suite struct PasswordQueueTests {
    @Test func `who has been here before is next, however many strangers wait`() async throws {
        let queue = PasswordQueue(threads: 1, limit: 3)
        let gate = DispatchSemaphore(value: 0)
        let order = Order()
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        var answers = [try #require(queue.run(in: .strangers, on: loop) { gate.wait() })]
        for lane in [PasswordQueue.Lane.strangers, .strangers, .familiar, .familiar, .familiar] {
            answers.append(try #require(queue.run(in: lane, on: loop) { order.append(lane) }))
        }
        // Both lanes are full.
        #expect(queue.run(in: .strangers, on: loop) {} == nil)
        #expect(queue.run(in: .familiar, on: loop) {} == nil)
        gate.signal()
        for answer in answers { try await answer.get() }
        #expect(order.lanes == [.familiar, .familiar, .familiar, .strangers, .strangers])
        // All places are free again.
        for _ in 0..<3 { #expect(queue.run(in: .strangers, on: loop) {} != nil) }
        await queue.shutdown()
    }
}

private final class Order: Sendable {
    private let names = Mutex<[PasswordQueue.Lane]>([])

    var lanes: [PasswordQueue.Lane] { names.withLock { $0 } }

    func append(_ lane: PasswordQueue.Lane) {
        names.withLock { $0.append(lane) }
    }
}
