// SPDX-License-Identifier: Apache-2.0

import Bench

/// What a broadcast did while it was measured, and what it cost.
struct Throughput {
    let deliveries: Int
    let accepted: Int
    let nanoseconds: Int
    let serverNanoseconds: Int
    let ownNanoseconds: Int

    var deliveriesPerSecond: Double { Double(deliveries) * 1e9 / Double(nanoseconds) }
    var acceptedPerSecond: Double { Double(accepted) * 1e9 / Double(nanoseconds) }
    /// Microseconds of the server's processor time for each delivery.
    var cost: Double { Double(serverNanoseconds) / 1_000 / Double(deliveries) }
    /// Those of the load.
    var ownCost: Double { Double(ownNanoseconds) / 1_000 / Double(deliveries) }

    /// Runs `broadcast` at `pace`: first for a fourth of `span`, so that queues and buffers have the size they keep, then
    /// for `span`.
    init(_ broadcast: Broadcast, _ pace: Pace, span: Int, server: Server) throws {
        try broadcast.run(pace, nanoseconds: span / 4)
        let (count, cost, own) = (broadcast.count, server.process.processorNanoseconds, ownProcessorNanoseconds())
        try broadcast.run(pace, nanoseconds: span)
        serverNanoseconds = server.process.processorNanoseconds - cost
        ownNanoseconds = ownProcessorNanoseconds() - own
        deliveries = broadcast.count.deliveries - count.deliveries
        accepted = broadcast.count.accepted - count.accepted
        nanoseconds = broadcast.count.nanoseconds - count.nanoseconds
        try broadcast.finish()
    }
}
