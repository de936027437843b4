// SPDX-License-Identifier: Apache-2.0

import Foundation
import MeshProgram
import NIOCore

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

    /// Shows texts of a line or several each, at once.
    ///
    /// False if nobody can read them any more.
    func show(_ texts: [String]) -> Bool {
        switch self {
        case .terminal(let editor):
            for text in texts { editor.print(text) }
            return true
        case .pipe: return writeAll(texts)
        case .recorder(let record):
            for text in texts { record(text) }
            return true
        }
    }

    func close() {
        if case .terminal(let editor) = self { editor.close() }
    }

    private func writeAll(_ texts: [String]) -> Bool {
        var some = ByteBuffer()
        for text in texts {
            some.writeString(text)
            some.writeInteger(UInt8(ascii: "\n"))
            if some.readableBytes >= 64 * 1_024, !writeAll(&some) { return false }
        }
        return writeAll(&some)
    }

    private func writeAll(_ bytes: inout ByteBuffer) -> Bool {
        while bytes.readableBytes > 0 {
            let count = bytes.withUnsafeReadableBytes { write(STDOUT_FILENO, $0.baseAddress, $0.count) }
            if count > 0 {
                bytes.moveReaderIndex(forwardBy: count)
            } else if errno == EAGAIN {
                // Somebody has made it non-blocking, for a reader that is slower than this.
                var output = pollfd(fd: STDOUT_FILENO, events: Int16(POLLOUT), revents: 0)
                _ = poll(&output, 1, -1)
            } else if errno != EINTR {
                return false
            }
        }
        bytes.clear()
        return true
    }
}
