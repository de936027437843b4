// SPDX-License-Identifier: Apache-2.0

import Foundation
import MeshProgram

/// Where people read what the agent says, and type.
enum Console: Sendable {
    /// A terminal: output appears above the line that is being typed.
    case terminal(LineEditor)
    /// Pipes and files.
    case pipe
    /// Whoever wants to know what was said.
    case recorder(@Sendable (String) -> Void)

    /// The terminal, if input and output are one.
    static func standard(_ completions: Completions) throws(ProgramFailure) -> Console {
        guard isatty(STDIN_FILENO) == 1, isatty(STDOUT_FILENO) == 1 else { return plain }
        return .terminal(try LineEditor(prompt: "> ") { completions.candidates(for: $0) })
    }

    /// Standard output; nowhere, where the program has none.
    static var plain: Console {
        StandardStreams.isThere(STDOUT_FILENO) ? .pipe : .recorder { _ in }
    }

    var isTerminal: Bool {
        if case .terminal = self { true } else { false }
    }

    /// Shows a line, or several.
    ///
    /// False if nobody can read it any more.
    func show(_ text: String) -> Bool {
        switch self {
        case .terminal(let editor):
            editor.print(text)
            return true
        case .pipe: return writeAll(text + "\n")
        case .recorder(let record):
            record(text)
            return true
        }
    }

    func close() {
        if case .terminal(let editor) = self { editor.close() }
    }

    private func writeAll(_ text: String) -> Bool {
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { write(STDOUT_FILENO, $0.baseAddress, $0.count) }
            if count > 0 { rest = rest.dropFirst(count) } else if errno != EINTR { return false }
        }
        return true
    }
}
