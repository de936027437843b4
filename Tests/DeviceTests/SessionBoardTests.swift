// SPDX-License-Identifier: Apache-2.0

import MeshCore
import Testing

@testable import device

@Suite struct SessionBoardTests {
    @Test func `only what is new wakes who reports it`() async throws {
        let board = SessionBoard()
        let id = try #require(Self.id(1))
        #expect(board.report == SessionReport([:]))
        board.show([:])
        board.show([id: .direct])
        board.show([id: .direct])
        var changes = board.changes.makeAsyncIterator()
        #expect(await changes.next() != nil)
        #expect(board.report == SessionReport([id: .direct]))
        board.show([id: .relayed])
        #expect(await changes.next() != nil)
        #expect(board.report == SessionReport([id: .relayed]))
    }

    @Test func `a report has no more sessions than the registry takes`() throws {
        let board = SessionBoard()
        let ids = (10..<90).compactMap(Self.id)
        board.show(Dictionary(uniqueKeysWithValues: ids.map { ($0, .direct) }))
        #expect(board.report.sessions?.count == SessionReport.maximum)
    }

    private static func id(_ number: Int) -> DeviceID? { DeviceID("00000000-0000-8000-8000-0000000000\(number + 10)") }
}
