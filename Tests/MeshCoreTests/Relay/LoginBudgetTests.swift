// SPDX-License-Identifier: Apache-2.0

import MeshCore
import Testing

@Suite struct LoginBudgetTests {
    @Test func `what came, what waits, what was written and what will be count, each direction for itself`() throws {
        let limit = RelayLimits.bytesBeforeLogin
        var budget = LoginBudget()
        try budget.check(unused: limit, unwritten: limit)
        #expect(throws: WireViolation.self) { try budget.check(unused: limit + 1, unwritten: 0) }
        #expect(throws: WireViolation.self) { try budget.check(unused: 0, unwritten: limit + 1) }
        budget.took(limit - 1)
        budget.wrote(limit - 2)
        try budget.check(unused: 1, unwritten: 2)
        #expect(throws: WireViolation.self) { try budget.check(unused: 2, unwritten: 0) }
        #expect(throws: WireViolation.self) { try budget.check(unused: 0, unwritten: 3) }
    }
}
