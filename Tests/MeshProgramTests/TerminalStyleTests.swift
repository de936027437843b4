// SPDX-License-Identifier: Apache-2.0

import MeshProgram
import Testing

@Suite struct TerminalStyleTests {
    private let coloured = TerminalStyle(isColoured: true)

    @Test func `without colours a text stays as it is`() {
        let plain = TerminalStyle(isColoured: false)
        #expect([plain.dim("a"), plain.alarming("a"), plain.name("a")] == ["a", "a", "a"])
    }

    @Test func `each colour ends where its text does`() {
        #expect(coloured.dim("note") == "\u{1B}[2mnote\u{1B}[0m")
        #expect(coloured.alarming("fault") == "\u{1B}[31mfault\u{1B}[0m")
    }

    @Test func `a name has the same one of six colours each time`() {
        #expect(coloured.name("alice") == coloured.name("alice"))
        let starts = Set((0..<100).map { coloured.name("user\($0)").prefix(7) })
        #expect(starts == Set((31...36).map { "\u{1B}[1;\($0)m" }))
    }
}
