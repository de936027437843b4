// SPDX-License-Identifier: Apache-2.0

import Crypto
import MeshCore
import Testing

@testable import device

@Suite struct SessionBoardTests {
    @Test func `only what is new wakes who reports it`() async {
        let board = SessionBoard()
        let id = DeviceID(of: P256.Signing.PrivateKey().publicKey)
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

    @Test func `a report has no more sessions than the registry takes`() {
        let board = SessionBoard()
        let ids = (0..<80).map { _ in DeviceID(of: P256.Signing.PrivateKey().publicKey) }
        board.show(Dictionary(uniqueKeysWithValues: ids.map { ($0, .direct) }))
        #expect(board.report.sessions?.count == SessionReport.maximum)
    }
}
