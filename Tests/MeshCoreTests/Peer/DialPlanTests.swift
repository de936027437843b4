// SPDX-License-Identifier: Apache-2.0

import MeshCore
import NIOCore
import Testing

@Suite struct DialPlanTests {
    private let now = NIODeadline.uptimeNanoseconds(1_000_000_000)

    @Test func `the near come before the public, and those before other private networks, IPv6 and IPv4 in turn`() {
        let plan = plan(
            "10.9.9.9:1",
            "198.51.100.1:1",
            "198.51.100.2:1",
            "[2001:db8::1]:1",
            "192.168.1.5:1",
            "192.168.1.5:1",
            "192.168.1.6:0",
            "[fd00::5]:1"
        ) { $0.host.hasPrefix("192.168.1.") }
        #expect(
            hosts(plan) == [
                "192.168.1.5", "2001:db8::1", "198.51.100.1", "198.51.100.2", "fd00::5", "10.9.9.9",
            ]
        )
        #expect(plan.attempts.map(\.after) == (0..<6).map { .milliseconds($0 * 250) })
    }

    @Test func `what failed comes last for a while, and what worked first among its like`() {
        var memory = DialMemory()
        memory.note(report([.failed(.noAddress), .notTried, .chosen, .cancelled]), at: now)
        #expect(hosts(recalled(memory, .seconds(599))) == ["203.0.113.3", "203.0.113.2", "203.0.113.4", "203.0.113.1"])
        #expect(hosts(recalled(memory, .seconds(600))) == (1...4).map { "203.0.113.\($0)" })
    }

    @Test func `no more addresses are tried than the limit`() {
        let endpoints = (1...40).compactMap { Endpoint("203.0.113.\($0):1") }
        #expect(DialPlan(endpoints).attempts.count == 16)
        #expect(DialPlan([]).attempts.isEmpty)
    }

    private func recalled(_ memory: DialMemory, _ later: TimeAmount) -> DialPlan {
        DialPlan((1...4).compactMap { Endpoint("203.0.113.\($0):1") }, memory: memory, at: now + later)
    }

    private func report(_ outcomes: [DialReport.Outcome]) -> DialReport {
        let plan = DialPlan(outcomes.indices.compactMap { Endpoint("203.0.113.\($0 + 1):1") })
        var report = DialReport(plan)
        for (index, outcome) in outcomes.enumerated() { report.results[index].outcome = outcome }
        return report
    }

    private func plan(_ endpoints: String..., isNear: (Endpoint) -> Bool) -> DialPlan {
        DialPlan(endpoints.compactMap { Endpoint($0) }, at: now, isNear: isNear)
    }

    private func hosts(_ plan: DialPlan) -> [String] { plan.attempts.map(\.path.endpoint.host) }
}
