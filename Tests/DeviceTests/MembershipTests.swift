// SPDX-License-Identifier: Apache-2.0

import NIOCore
import TestSupport
import Testing

@testable import device

@Suite struct MembershipTests {
    private let start = NIODeadline.uptimeNanoseconds(1_000_000_000)
    private var generator = SeededGenerator(seed: 1)
    private var membership: Membership

    init() {
        membership = Membership(poll: .seconds(5), now: start)
    }

    @Test mutating func `a device registers, asks who is there, and gives a sign of life each third of its time`() {
        #expect(membership.step(at: start) == .register)
        #expect(membership.registered(for: .seconds(30), at: start) == [])
        #expect(membership.step(at: start) == .list)
        #expect(membership.listed(at: start) == [])
        #expect(membership.step(at: start) == .wait(until: start + .seconds(5)))
        #expect(membership.step(at: start + .seconds(10)) == .heartbeat)
        _ = membership.stayed(at: start + .seconds(10))
        #expect(membership.step(at: start + .seconds(19)) == .list)
        _ = membership.listed(at: start + .seconds(19))
        #expect(membership.step(at: start + .seconds(20)) == .heartbeat)
    }

    @Test mutating func `a registry that forgot the device is told again`() {
        _ = membership.registered(for: .seconds(30), at: start)
        membership.forgotten()
        #expect(membership.step(at: start) == .register)
    }

    @Test mutating func `a registry that is away is told of once, and once that it is back`() throws {
        #expect(membership.failed("refused", at: start, using: &generator) == [.away("refused")])
        guard case .wait(let deadline) = membership.step(at: start) else {
            Issue.record("no wait")
            return
        }
        #expect(deadline >= start + .milliseconds(500) && deadline <= start + .seconds(1))
        #expect(membership.failed("refused", at: deadline, using: &generator) == [])
        #expect(membership.registered(for: .seconds(30), at: deadline) == [.back])
        #expect(membership.listed(at: deadline) == [])
        #expect(membership.failed("refused", at: deadline, using: &generator) == [.away("refused")])
    }
}
