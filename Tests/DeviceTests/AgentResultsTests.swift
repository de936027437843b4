// SPDX-License-Identifier: Apache-2.0

import MeshCore
import Testing

@testable import device

@Suite struct AgentResultsTests {
    private var results = AgentResults()
    private let kitchen: DeviceID

    init() throws {
        kitchen = try #require(DeviceID("1a2b3c4d-0000-8000-8000-000000000000"))
    }

    @Test mutating func `what is noted and acknowledged is so once, for all before it`() {
        for number in [UInt64(1), 2, 3] {
            results.show("text \(number)")
            results.note(ReceivedTexts(instance: 7, number: number), from: kitchen)
            results.acknowledge(number, to: kitchen)
        }
        #expect(results.takeTexts() == ["text 1", "text 2", "text 3"])
        #expect(results.takeNotes() == [kitchen: ReceivedTexts(instance: 7, number: 3)])
        #expect(results.takeAcknowledgements() == [kitchen: 3])
        #expect(results.takeTexts().isEmpty && results.takeNotes().isEmpty && results.takeAcknowledgements().isEmpty)
    }

    @Test mutating func `what could not be shown is neither noted nor acknowledged`() {
        results.show("text 1")
        results.note(ReceivedTexts(instance: 7, number: 1), from: kitchen)
        results.acknowledge(1, to: kitchen)
        results.wereNotShown()
        #expect(results.takeNotes().isEmpty && results.takeAcknowledgements().isEmpty)
    }

    @Test mutating func `what was received is noted, but not acknowledged on another connection`() {
        results.note(ReceivedTexts(instance: 7, number: 1), from: kitchen)
        results.acknowledge(1, to: kitchen)
        results.disconnected(kitchen)
        #expect(results.takeAcknowledgements().isEmpty)
        #expect(results.takeNotes() == [kitchen: ReceivedTexts(instance: 7, number: 1)])
    }
}
