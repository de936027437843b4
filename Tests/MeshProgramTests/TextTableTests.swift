// SPDX-License-Identifier: Apache-2.0

import MeshProgram
import Testing

@Suite struct TextTableTests {
    @Test func `a table is aligned`() {
        var table = TextTable(["NAME", "ID"])
        table.add(["a", "1"])
        table.add(["longer", "2"])
        #expect(table.text == "NAME    ID\na       1\nlonger  2")
    }
}
