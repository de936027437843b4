// SPDX-License-Identifier: Apache-2.0

/// Where the lines that were typed stand on the terminal, in rows, so that a mark can be set at their beginning.
///
/// A terminal is not asked where something is: what was written is counted. Where the count could be wrong, since a width
/// is not sure, what stands above is given up.
package struct TypedRows: Equatable, Sendable {
    /// A terminal's size.
    package struct Size: Equatable, Sendable {
        package var columns: Int
        package var rows: Int

        package init(columns: Int, rows: Int) {
            (self.columns, self.rows) = (columns, rows)
        }
    }

    private struct Place: Equatable {
        let line: Int
        let row: Int
    }

    private var size = Size(columns: 0, rows: 0)
    /// The row of the prompt, counted from the first one.
    private var prompt = 0
    private var places: [Place] = []

    package init() {}

    /// The terminal has this size; with another one the rows are others.
    package mutating func resized(to size: Size) {
        if size != self.size { forget() }
        self.size = size
    }

    /// What was written is elsewhere now, or gone.
    package mutating func forget() {
        places = []
    }

    /// `text` was written in rows of its own, above the prompt.
    package mutating func printed(_ text: String) {
        for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
            advance(Self.rows(of: Self.withoutStyle(line), columns: size.columns))
        }
    }

    /// Line number `line` was typed, behind the prompt in `text`.
    package mutating func typed(_ line: Int, _ text: String) {
        places.append(Place(line: line, row: prompt))
        let width = text.unicodeScalars.count
        // A full row ends in the next one, or doesn't.
        let isUnsure = size.columns > 0 && width % size.columns == 0
        advance(isUnsure ? nil : Self.rows(of: text[...], columns: size.columns))
    }

    /// How many rows above the prompt the line stands, of which the input fills `inputRows` below its first; nil if it
    /// is no longer to be seen.
    package func rowsUp(to line: Int, inputRows: Int) -> Int? {
        guard let place = places.last(where: { $0.line == line }) else { return nil }
        let up = prompt - place.row
        return up + inputRows < size.rows ? up : nil
    }

    private mutating func advance(_ rows: Int?) {
        guard let rows else { return forget() }
        prompt += rows
        while let first = places.first, prompt - first.row >= size.rows { places.removeFirst() }
    }

    /// Nil where it depends on the terminal.
    private static func rows(of text: Substring, columns: Int) -> Int? {
        guard columns > 0 else { return nil }
        if text.utf8.allSatisfy({ $0 >= 0x20 && $0 < 0x7F }) {
            return max(1, (text.utf8.count + columns - 1) / columns)
        }
        // A character is at most two columns wide, a tab eight.
        let most = text.unicodeScalars.reduce(0) { $0 + ($1 == "\t" ? 8 : $1.isASCII ? 1 : 2) }
        return most <= columns ? 1 : nil
    }

    /// Without the codes that colour it.
    private static func withoutStyle(_ text: Substring) -> Substring {
        guard text.utf8.contains(0x1B) else { return text }
        var plain = Substring()
        var rest = text
        while let escape = rest.firstIndex(of: "\u{1B}") {
            plain += rest[..<escape]
            rest = rest[escape...].drop { $0 != "m" }.dropFirst()
        }
        return plain + rest
    }
}
