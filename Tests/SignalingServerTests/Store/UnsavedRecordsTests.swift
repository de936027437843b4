// SPDX-License-Identifier: Apache-2.0

import MeshCore
import Testing
import signaling_server

@Suite struct UnsavedRecordsTests {
    @Test func `what came and went before it was written needs no write`() throws {
        let (stored, fleeting) = (try #require(RecordID("stored")), try #require(RecordID("fleeting")))
        var unsaved = UnsavedRecords(stored: [stored])
        unsaved.changed(stored)
        unsaved.changed(fleeting)
        #expect(unsaved.take { _ in nil } == [.drop(stored)])
        unsaved.written([.drop(stored)])
        unsaved.changed(stored)
        #expect(unsaved.take { _ in nil } == [])
        #expect(unsaved.isEmpty)
    }

    @Test func `a failed change is in the next write, whoever asks for that`() throws {
        let id = try #require(RecordID("a"))
        var unsaved = UnsavedRecords(stored: [id])
        unsaved.changed(id)
        unsaved.notWritten(unsaved.take { _ in nil })
        #expect(!unsaved.isEmpty)
        #expect(unsaved.take { _ in nil } == [.drop(id)])
    }
}
