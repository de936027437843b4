// SPDX-License-Identifier: Apache-2.0

/// Rows in columns, as Markdown has them and a terminal shows them.
package struct Table {
    private let title: String
    private let columns: [String]
    private var rows: [[String]] = []

    package init(_ title: String, columns: [String]) {
        self.title = title
        self.columns = columns
    }

    package mutating func add(_ row: [String]) {
        rows.append(row)
    }

    package var text: String {
        let widths = columns.indices.map { column in
            ([columns] + rows).map { $0[column].count }.max() ?? 0
        }
        let rule = widths.map { String(repeating: "-", count: $0) }
        let lines = ([columns, rule] + rows).map { row in
            "| " + zip(row, widths).map(padded).joined(separator: " | ") + " |"
        }
        return (["", title, ""] + lines).joined(separator: "\n") + "\n"
    }

    private func padded(_ cell: String, to width: Int) -> String {
        cell + String(repeating: " ", count: width - cell.count)
    }
}
