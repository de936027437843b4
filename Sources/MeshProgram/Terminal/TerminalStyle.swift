// SPDX-License-Identifier: Apache-2.0

import Foundation

/// Whether and how output is coloured: only on a terminal, and not where `NO_COLOR` is set or the terminal is dumb.
package struct TerminalStyle: Sendable {
    private let isColoured: Bool

    /// The style for standard output as it is.
    package static var standardOutput: TerminalStyle {
        let environment = ProcessInfo.processInfo.environment
        let wanted = environment["NO_COLOR", default: ""].isEmpty && environment["TERM"] != "dumb"
        return TerminalStyle(isColoured: wanted && isatty(STDOUT_FILENO) == 1)
    }

    package init(isColoured: Bool) {
        self.isColoured = isColoured
    }

    /// What the program itself says between the lines of people.
    package func dim(_ text: String) -> String { coded(text, "2") }

    /// What went wrong.
    package func alarming(_ text: String) -> String { coded(text, "31") }

    /// A name, in the same one of six colours each time.
    package func name(_ name: String) -> String {
        // FNV-1a: the same in each run, which Swift's hashes are not.
        let hash = name.utf8.reduce(UInt32(2_166_136_261)) { ($0 ^ UInt32($1)) &* 16_777_619 }
        return coded(name, "1;\(31 + hash % 6)")
    }

    private func coded(_ text: String, _ code: String) -> String {
        isColoured ? "\u{1B}[\(code)m\(text)\u{1B}[0m" : text
    }
}
