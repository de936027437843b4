// SPDX-License-Identifier: Apache-2.0

import Foundation
import MeshCore
import MeshProgram
import NIOCore
import SwiftProtobuf
import Synchronization

/// Shows lines to a person, above what is being typed, or writes them for a script.
///
/// Texts, names and reasons come from others: whatever could steer a terminal is made visible.
final class Screen: Sendable {
    private let format: OutputFormat
    private let style: TerminalStyle
    private let editor: LineEditor?
    private let failures = Mutex(0)

    /// Without an editor, lines go to standard output as they are.
    init(format: OutputFormat, style: TerminalStyle, editor: LineEditor?) {
        self.format = format
        self.style = style
        self.editor = editor
    }

    /// How many texts were not accepted.
    var failedTexts: Int { failures.withLock { $0 } }

    func show(_ line: RelayClient.Line) {
        if case .failed = line { failures.withLock { $0 += 1 } }
        switch format {
        case .text: if let words = words(for: line) { write(words) }
        case .json: showJSON(line)
        }
    }

    /// Something of the program's own: above the line being typed, or on standard error.
    func note(_ text: String) {
        if let editor { editor.print(style.dim("* \(text)")) } else { complain("\(Configuration.program): \(text)") }
    }

    /// A message as people see it; nil for what is shown as a note.
    func words(for line: RelayClient.Line) -> String? {
        switch line {
        case .message(let message, _):
            // A line for each of the text's lines: none can pass for somebody else's.
            let name = message.sender.printable
            return message.text.split(separator: "\n", omittingEmptySubsequences: false)
                .map { "[\(style.name(name))]: \(String($0).printableLine)" }.joined(separator: "\n")
        case .welcome(let user): if editor != nil { note("Welcome, \(user.printable)! Type a message, or exit.") }
        case .reconnected: note("Connected again.")
        case .gap(let first, let last): note("Messages \(first) to \(last) are no longer to be had.")
        case .logLost: note("The relay has lost its messages: what you had not seen is gone.")
        case .refused(let reason): note("\(reason) Please try again.")
        case .failed(let text, let reason): note("Not sent, since \(reason): \(String(text.prefix(60)).printable)")
        case .disconnected(let reason): note("Server disconnected: \(reason). Trying again.")
        case .accepted: break
        }
        return nil
    }

    private func showJSON(_ line: RelayClient.Line) {
        switch line {
        case .message(let message, _): writeJSON(.message(message))
        case .gap(let first, let last):
            writeJSON(.gap(.with { ($0.room, $0.first, $0.last) = (RoomName.lobby.description, first, last) }))
        case .accepted(_, let sequence):
            writeJSON(
                .accepted(.with { ($0.room, $0.sequence, $0.level) = (RoomName.lobby.description, sequence, .relayed) })
            )
        case .failed(let text, let reason):
            writeJSON(.error(.with { $0.explanation = "\(reason): \(text.prefix(60))" }))
        case .welcome, .reconnected, .logLost, .refused, .disconnected: _ = words(for: line)
        }
    }

    private func writeJSON(_ event: RelayEvent) {
        var buffer = ByteBuffer()
        Dialect.json.write(event, to: &buffer)
        write(String(buffer: buffer).trimmingCharacters(in: .newlines))
    }

    private func write(_ text: String) {
        if let editor { return editor.print(text) }
        var rest = Array("\(text)\n".utf8)[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Foundation.write(STDOUT_FILENO, $0.baseAddress, $0.count) }
            if count > 0 { rest = rest.dropFirst(count) } else if errno != EINTR { return }
        }
    }
}
