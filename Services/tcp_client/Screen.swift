// SPDX-License-Identifier: Apache-2.0

import Foundation
import MeshCore
import MeshProgram
import NIOCore
import SwiftProtobuf
import Synchronization

/// Shows what happens to a person, above what is being typed, or writes it for a script.
final class Screen: Sendable {
    private let format: OutputFormat
    private let wording: Wording
    private let editor: LineEditor?
    private let failures = Mutex(0)

    /// Without an editor, lines go to standard output as they are.
    init(format: OutputFormat, style: TerminalStyle, editor: LineEditor?) {
        self.format = format
        self.editor = editor
        wording = Wording(style: style)
    }

    /// How many lines were not accepted.
    var failedLines: Int { failures.withLock { $0 } }

    func show(_ line: RelayClient.Line) {
        switch line {
        case .message(let message): tell(.message(message), wording.words(for: message))
        case .page(let page): tell(.page(page), wording.words(for: page))
        case .people(let people): tell(.people(people), wording.words(for: people))
        case .presence(let presence): tell(.presence(presence), wording.words(for: presence))
        case .gap(let gap): tell(.gap(gap), wording.words(for: gap))
        case .joined(let joined): confirm(.joined(joined), "You are in \(Wording.place(joined.head.room)).")
        case .left(let left): confirm(.left(left), "You have left \(Wording.place(left.room)).")
        case .accepted(let line, let text, let accepted):
            if format == .json { writeJSON(.accepted(accepted)) }
            editor?.mark("✓", line: line, elsePrint: wording.note("✓ \(String(text.prefix(60)).printable)"))
        case .failed(let line, let request, let reason): failed(line, request, reason)
        case .sent(let line): editor?.mark(wording.style.dim("·"), line: line, elsePrint: nil)
        case .talking(let room): editor?.setPrompt(Wording.prompt(in: room))
        case .welcome(let welcome): greet(welcome)
        case .reconnected: note("Connected again.")
        case .logLost: note("The relay has lost its messages: what you had not seen is gone.")
        case .shutOut(let room):
            if format == .json { writeJSON(.left(.with { $0.room = room })) }
            note("You are in \(Wording.place(room)) no longer: /join it again.")
        case .refused(let reason): note("\(reason) Please try again.")
        case .disconnected(let reason):
            let cause = reason.hasSuffix(".") ? String(reason.dropLast()) : reason
            note("Server disconnected: \(cause). Trying again.")
        }
    }

    /// A line that was typed, or read, is none that can be sent.
    func refuse(line: Int, because reason: String) {
        failures.withLock { $0 += 1 }
        editor?.mark(wording.style.alarming("✗"), line: line, elsePrint: nil)
        let words = editor == nil ? "line \(line): \(reason)" : reason
        if format == .json { writeJSON(.error(.with { $0.explanation = words })) } else { note(words) }
    }

    /// Something of the program's own: above the line being typed, or on standard error.
    func note(_ text: String) {
        if let editor { editor.print(wording.note(text)) } else { complain("\(Configuration.program): \(text)") }
    }

    /// What was asked for.
    func answer(_ text: String) {
        if let editor { editor.print(text) } else { writeOut(text) }
    }

    private func greet(_ welcome: WireWelcome) {
        if format == .json { writeJSON(.welcome(welcome)) }
        if editor != nil { note("Welcome, \(welcome.user.printable)! Type a message, /help, or exit.") }
    }

    private func failed(_ line: Int, _ request: RelayRequest, _ reason: String) {
        failures.withLock { $0 += 1 }
        editor?.mark(wording.style.alarming("✗"), line: line, elsePrint: nil)
        let words = wording.words(for: request, failedBecause: reason)
        guard format == .json else { return note(editor == nil && line > 0 ? "line \(line): \(words)" : words) }
        var error = WireError.with { $0.explanation = words }
        if case .publish(let publish) = request {
            (error.room, error.clientMessageID) = (publish.room, publish.clientMessageID)
        }
        writeJSON(.error(error))
    }

    private func tell(_ event: RelayEvent, _ words: @autoclosure () -> String) {
        if format == .json { writeJSON(event) } else { answer(words()) }
    }

    /// What was asked for is done: a script that sees no JSON takes it for granted.
    private func confirm(_ event: RelayEvent, _ words: String) {
        if format == .json { writeJSON(event) } else if editor != nil { note(words) }
    }

    private func writeJSON(_ event: RelayEvent) {
        var buffer = ByteBuffer()
        Dialect.json.write(event, to: &buffer)
        writeOut(String(buffer: buffer).trimmingCharacters(in: .newlines))
    }

    private func writeOut(_ text: String) {
        var rest = Array("\(text)\n".utf8)[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Foundation.write(STDOUT_FILENO, $0.baseAddress, $0.count) }
            if count > 0 { rest = rest.dropFirst(count) } else if errno != EINTR { return }
        }
    }
}
