// SPDX-License-Identifier: Apache-2.0

import MeshProgram
import Testing

@Suite struct TypedRowsTests {
    private var rows = TypedRows()

    init() {
        rows.resized(to: .init(columns: 10, rows: 6))
    }

    @Test mutating func `a line that was typed stands above the prompt`() {
        rows.typed(1, "> one")
        #expect(rows.rowsUp(to: 1, inputRows: 0) == 1)
        rows.typed(2, "> two")
        #expect(rows.rowsUp(to: 1, inputRows: 0) == 2)
        #expect(rows.rowsUp(to: 2, inputRows: 0) == 1)
        #expect(rows.rowsUp(to: 3, inputRows: 0) == nil)
    }

    @Test mutating func `what is printed moves it up, by as many rows as the terminal takes for it`() {
        rows.typed(1, "> one")
        rows.printed("[bob]: hello, you")
        #expect(rows.rowsUp(to: 1, inputRows: 0) == 3)
        rows.printed("\u{1B}[1;31mten chars_\u{1B}[0m")
        #expect(rows.rowsUp(to: 1, inputRows: 0) == 4)
        rows.printed("")
        #expect(rows.rowsUp(to: 1, inputRows: 0) == 5)
    }

    @Test mutating func `a long line stands where it begins`() {
        rows.typed(1, "> a line of some rows")
        #expect(rows.rowsUp(to: 1, inputRows: 0) == 3)
    }

    @Test mutating func `what has left the screen can't be marked`() {
        rows.typed(1, "> one")
        rows.printed("a\nb\nc\nd")
        #expect(rows.rowsUp(to: 1, inputRows: 0) == 5)
        // What is being typed needs a second row: the first line is above the screen.
        #expect(rows.rowsUp(to: 1, inputRows: 1) == nil)
        rows.printed("e")
        #expect(rows.rowsUp(to: 1, inputRows: 0) == nil)
    }

    @Test(arguments: ["a wide one: 漢字漢字漢字", "a\ttab\tor two", "👩‍👩‍👧‍👦👩‍👩‍👧‍👦👩‍👩‍👧‍👦"])
    mutating func `where it is not sure how many rows a text takes, what stands above is given up`(text: String) {
        rows.typed(1, "> one")
        rows.printed(text)
        #expect(rows.rowsUp(to: 1, inputRows: 0) == nil)
        rows.typed(2, "> two")
        #expect(rows.rowsUp(to: 2, inputRows: 0) == 1)
    }

    @Test mutating func `a short text takes one row, whatever its characters`() {
        rows.typed(1, "> ä漢")
        rows.printed("漢字漢字漢")
        #expect(rows.rowsUp(to: 1, inputRows: 0) == 2)
    }

    @Test mutating func `a line that fills its row may end in the next`() {
        rows.typed(1, "> one")
        rows.typed(2, "> 12345678")
        #expect(rows.rowsUp(to: 1, inputRows: 0) == nil)
        #expect(rows.rowsUp(to: 2, inputRows: 0) == nil)
    }

    @Test mutating func `on a terminal of another size nothing is where it was`() {
        rows.typed(1, "> one")
        rows.resized(to: .init(columns: 10, rows: 6))
        #expect(rows.rowsUp(to: 1, inputRows: 0) == 1)
        rows.resized(to: .init(columns: 11, rows: 6))
        #expect(rows.rowsUp(to: 1, inputRows: 0) == nil)
    }

    @Test mutating func `a terminal that tells no size is not marked`() {
        rows.resized(to: .init(columns: 0, rows: 0))
        rows.typed(1, "> one")
        rows.printed("text")
        #expect(rows.rowsUp(to: 1, inputRows: 0) == nil)
    }
}
