// SPDX-License-Identifier: Apache-2.0

import CEdit
import Foundation
import Synchronization

/// Reads lines from the terminal with editing and history (libedit), while other output appears above the line that is
/// being typed and leaves it whole.
///
/// libedit runs on a thread of its own, and everything is printed from there: its read function waits for a key and for
/// ``print(_:)`` alike. So no lock is held while the terminal is written to, and no output comes between two halves of
/// libedit's.
package final class LineEditor: Sendable {
    private let prompt: String
    private let outbox = Mutex(Outbox())
    /// A byte in the pipe says that the outbox has changed.
    private let wakeup: (reader: Int32, writer: Int32)
    private let terminalBefore: termios?

    private struct Outbox {
        var lines: [String] = []
        var isClosed = false
    }

    /// An editor on standard input and output, which are a terminal.
    package init(prompt: String) throws(ProgramFailure) {
        self.prompt = prompt
        var ends: [Int32] = [0, 0]
        guard pipe(&ends) == 0 else { throw ProgramFailure(.system, "no pipe for the prompt: \(systemError())") }
        for end in ends { _ = fcntl(end, F_SETFL, O_NONBLOCK) }
        wakeup = (ends[0], ends[1])
        var terminal = termios()
        terminalBefore = tcgetattr(STDIN_FILENO, &terminal) == 0 ? terminal : nil
    }

    deinit {
        Glibc.close(wakeup.reader)
        Glibc.close(wakeup.writer)
    }

    /// The lines that are typed, until the input ends, ``close()`` is called or nobody wants them any more.
    ///
    /// To be asked for once.
    package func lines() -> AsyncStream<String> {
        let (stream, continuation) = AsyncStream.makeStream(of: String.self)
        let thread = Thread { [self] in
            edit { continuation.yield($0) }
            continuation.finish()
        }
        thread.name = "line editor"
        thread.start()
        return stream
    }

    /// Shows `text` on lines of its own, above what is being typed.
    package func print(_ text: String) {
        outbox.withLock { $0.lines.append(text) }
        wake()
    }

    /// Ends the input, prints what is left and gives the terminal back as it was.
    package func close() {
        let (left, isClosedAlready) = outbox.withLock { outbox in
            defer { outbox = Outbox(lines: [], isClosed: true) }
            return (outbox.lines, outbox.isClosed)
        }
        wake()
        if var terminal = terminalBefore { tcsetattr(STDIN_FILENO, TCSADRAIN, &terminal) }
        // The prompt that waits for a line that will not come gives way.
        if !isClosedAlready { writeAll("\r\u{1B}[J" + left.map { $0 + "\n" }.joined()) }
    }

    private func wake() {
        var byte: UInt8 = 1
        // A full pipe says so already.
        _ = write(wakeup.writer, &byte, 1)
    }

    /// The thread's body: one line after the other until the end.
    private func edit(_ typed: (String) -> Void) {
        guard let line = edit_open("swift-mesh"), let past = history_init() else { return }
        defer {
            el_end(line)
            history_end(past)
        }
        edit_history_limit(past, 1_000)
        edit_set_defaults(line, past)
        // The editor outlives the thread's body, which holds it: unretained is enough.
        edit_set_context(line, Unmanaged.passUnretained(self).toOpaque())
        let promptText = strdup(prompt)
        defer { free(promptText) }
        currentPrompt = promptText
        edit_set_prompt(line) { _ in currentPrompt }
        edit_set_reader(line) { line, character in
            guard let line, let character, let context = edit_context(line) else { return -1 }
            return Unmanaged<LineEditor>.fromOpaque(context).takeUnretainedValue().nextCharacter(
                of: line,
                into: character
            )
        }
        var length: Int32 = 0
        while let bytes = el_gets(line, &length), length > 0 {
            let text = String(cString: bytes)
            let trimmed = text.hasSuffix("\n") ? String(text.dropLast()) : text
            if !trimmed.isEmpty { edit_history_add(past, bytes) }
            typed(trimmed)
        }
        if !outbox.withLock({ $0.isClosed }) { writeAll("\r\n") }
    }

    /// libedit's read function: prints what is in the outbox until a key is pressed.
    private func nextCharacter(of line: OpaquePointer, into character: UnsafeMutablePointer<wchar_t>) -> Int32 {
        var bytes: [UInt8] = []
        while true {
            var sources = [
                pollfd(fd: STDIN_FILENO, events: Int16(POLLIN), revents: 0),
                pollfd(fd: wakeup.reader, events: Int16(POLLIN), revents: 0),
            ]
            if poll(&sources, 2, -1) < 0 {
                if errno == EINTR { continue }
                return -1
            }
            if sources[1].revents != 0 { showOutbox(above: line) }
            if outbox.withLock({ $0.isClosed }) { return 0 }
            guard sources[0].revents != 0 else { continue }
            var byte: UInt8 = 0
            let count = read(STDIN_FILENO, &byte, 1)
            if count < 0, errno == EINTR || errno == EAGAIN { continue }
            guard count == 1 else { return Int32(count) }
            bytes.append(byte)
            if let scalar = String(validating: bytes, as: UTF8.self)?.unicodeScalars.first {
                character.pointee = wchar_t(scalar.value)
                return 1
            }
            // Four bytes that are no character never become one.
            if bytes.count == 4 { bytes = [] }
        }
    }

    private func showOutbox(above line: OpaquePointer) {
        var drained = [UInt8](repeating: 0, count: 256)
        while read(wakeup.reader, &drained, drained.count) > 0 {}
        let lines = outbox.withLock { outbox in
            defer { outbox.lines = [] }
            return outbox.isClosed ? [] : outbox.lines
        }
        if lines.isEmpty { return }
        el_resize(line)
        let text = lines.joined(separator: "\n").replacing("\n", with: "\r\n")
        let rows = rowsAboveCursor(of: line)
        writeAll((rows > 0 ? "\u{1B}[\(rows)A" : "") + "\r\u{1B}[J" + text + "\r\n")
        edit_refresh(line)
    }

    /// How many rows of the terminal the prompt and the text before the cursor fill.
    private func rowsAboveCursor(of line: OpaquePointer) -> Int {
        guard let typed = el_wline(line)?.pointee else { return 0 }
        let before = UnsafeBufferPointer(start: typed.buffer, count: typed.cursor - typed.buffer)
        let width = prompt.count + before.reduce(0) { $0 + max(0, Int(wcwidth($1))) }
        var size = winsize()
        guard ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return 0 }
        return width / Int(size.ws_col)
    }
}

/// The prompt of the one editor that a process has: libedit asks for it by a function without a context.
///
/// Set by the editor's thread before that function is, and read on that thread alone.
private nonisolated(unsafe) var currentPrompt: UnsafeMutablePointer<CChar>?

private func writeAll(_ text: String) {
    var rest = Array(text.utf8)[...]
    while !rest.isEmpty {
        let count = rest.withUnsafeBytes { write(STDOUT_FILENO, $0.baseAddress, $0.count) }
        if count > 0 { rest = rest.dropFirst(count) } else if errno != EINTR { return }
    }
}
