// SPDX-License-Identifier: Apache-2.0

/// Rows under headings, the columns aligned.
package struct TextTable {
    private let headings: [String]
    private var rows: [[String]] = []

    package init(_ headings: [String]) {
        self.headings = headings
    }

    package mutating func add(_ row: [String]) {
        rows.append(row)
    }

    package var text: String {
        let widths = headings.indices.map { column in
            ([headings] + rows).map { $0[column].count }.max() ?? 0
        }
        return ([headings] + rows).map { row in
            let cells = zip(row, widths).map { cell, width in cell + String(repeating: " ", count: width - cell.count) }
            let line = cells.joined(separator: "  ")
            return String(line.reversed().drop { $0 == " " }.reversed())
        }.joined(separator: "\n")
    }
}
