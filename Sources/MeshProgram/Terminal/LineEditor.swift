// SPDX-License-Identifier: Apache-2.0

import CEdit
import Dispatch
import Foundation
import Synchronization

/// Reads lines from the terminal with editing and history (libedit), while other output appears above the line that is
/// being typed and leaves it whole.
///
/// libedit runs on a thread of its own, and everything is printed from there: its read function waits for a key and for
/// ``print(_:)`` alike. So no lock is held while the terminal is written to, and no output comes between two halves of
/// libedit's.
package final class LineEditor: Sendable {
    /// What is on the screen; the editor's thread has it to itself.
    let display: Mutex<Display>
    /// The words that the last one of a line may become.
    let candidates: @Sendable (String) -> [String]
    private let outbox = Mutex(Outbox())
    /// A byte in the pipe says that the outbox has changed.
    private let wakeup: (reader: Int32, writer: Int32)
    private let terminalBefore: termios?

    private struct Outbox {
        var outputs: [Output] = []
        /// Before that nobody types, and there is no prompt.
        var isEditing = false
        var isClosed = false
    }

    struct Display {
        var prompt: String
        var typed = 0
        var rows = TypedRows()
    }

    enum Output {
        case text(String)
        case mark(String, line: Int, elsePrint: String?)
        case prompt(String)
        /// The terminal was somebody else's meanwhile.
        case resumed
    }

    /// An editor on standard input and output, which are a terminal.
    ///
    /// `candidates` gives what the last word of a line may become when a person asks for it with the tab key.
    package init(
        prompt: String,
        candidates: @escaping @Sendable (String) -> [String] = { _ in [] }
    ) throws(ProgramFailure) {
        display = Mutex(Display(prompt: prompt))
        self.candidates = candidates
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
        outbox.withLock { $0.isEditing = true }
        let thread = Thread { [self] in
            edit { continuation.yield($0) }
            continuation.finish()
        }
        thread.name = "line editor"
        thread.start()
        return stream
    }

    /// Shows `text` on lines of its own, above what is being typed.
    package func print(_ text: String) { put(.text(text)) }

    /// Puts a mark, one column wide, in the place of the first character of the line that was typed as number `line`.
    ///
    /// Lines are counted from 1. If it is no longer to be seen, `text` is printed.
    package func mark(_ mark: String, line: Int, elsePrint text: String?) {
        put(.mark(mark, line: line, elsePrint: text))
    }

    /// Asks with another prompt from now on.
    package func setPrompt(_ text: String) { put(.prompt(text)) }

    private func put(_ output: Output) {
        outbox.withLock { outbox in
            if case .text(let text) = output, !outbox.isEditing {
                writeToTerminal(text + "\n")
            } else {
                outbox.outputs.append(output)
            }
        }
        wake()
    }

    /// Ends the input, prints what is left and gives the terminal back as it was.
    package func close() {
        let (left, isClosedAlready) = outbox.withLock { outbox in
            defer { outbox = Outbox(isClosed: true) }
            return (outbox.outputs, outbox.isClosed)
        }
        wake()
        if var terminal = terminalBefore { tcsetattr(STDIN_FILENO, TCSADRAIN, &terminal) }
        if isClosedAlready { return }
        // The prompt that waits for a line that will not come gives way.
        writeToTerminal(
            display.withLock { display in left.reduce(into: "\r\u{1B}[J") { $0 += display.apply($1, inputRows: 0) } }
        )
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
        setCurrentPrompt(display.withLock(\.prompt))
        let continued = DispatchSource.makeSignalSource(signal: SIGCONT)
        continued.setEventHandler { [self] in put(.resumed) }
        continued.resume()
        defer { continued.cancel() }
        edit_set_prompt(line) { _ in currentPrompt }
        edit_set_reader(line) { line, character in
            guard let line, let character, let context = edit_context(line) else { return -1 }
            return Unmanaged<LineEditor>.fromOpaque(context).takeUnretainedValue().nextCharacter(
                of: line,
                into: character
            )
        }
        edit_set_completer(line) { line, _ in
            guard let line, let context = edit_context(line) else { return UInt8(CC_ERROR) }
            return Unmanaged<LineEditor>.fromOpaque(context).takeUnretainedValue().complete(line)
        }
        var length: Int32 = 0
        while let bytes = el_gets(line, &length), length > 0 {
            let text = String(cString: bytes)
            let trimmed = text.hasSuffix("\n") ? String(text.dropLast()) : text
            if !trimmed.isEmpty { edit_history_add(past, bytes) }
            display.withLock { display in
                display.typed += 1
                display.rows.resized(to: Self.terminalSize())
                display.rows.typed(display.typed, display.prompt + trimmed)
            }
            typed(trimmed)
        }
        if !outbox.withLock({ $0.isClosed }) { writeToTerminal("\r\n") }
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
            // Ctrl-L clears the screen.
            if byte == 0x0C { display.withLock { $0.rows.forget() } }
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
        let outputs = outbox.withLock { outbox in
            defer { outbox.outputs = [] }
            return outbox.isClosed ? [] : outbox.outputs
        }
        if outputs.isEmpty { return }
        if outputs.contains(where: { if case .resumed = $0 { true } else { false } }) { edit_prepare_again(line) }
        el_resize(line)
        let text = display.withLock { display in
            let size = Self.terminalSize()
            display.rows.resized(to: size)
            let typed = el_wline(line)?.pointee
            let above = Self.rows(from: typed?.buffer, to: typed?.cursor, display.prompt, size)
            let all = Self.rows(from: typed?.buffer, to: typed?.lastchar, display.prompt, size)
            let begin = (above > 0 ? "\u{1B}[\(above)A" : "") + "\r\u{1B}[J"
            return outputs.reduce(into: begin) { $0 += display.apply($1, inputRows: all) }
        }
        setCurrentPrompt(display.withLock(\.prompt))
        writeToTerminal(text)
        edit_refresh(line)
    }

    /// How many rows of the terminal the prompt and what is typed behind it fill, besides the first.
    private static func rows(
        from start: UnsafePointer<wchar_t>?,
        to end: UnsafePointer<wchar_t>?,
        _ prompt: String,
        _ size: TypedRows.Size
    ) -> Int {
        guard size.columns > 0, let start, let end else { return 0 }
        let text = UnsafeBufferPointer(start: start, count: end - start)
        return (prompt.count + text.reduce(0) { $0 + max(0, Int(wcwidth($1))) }) / size.columns
    }

    private static func terminalSize() -> TypedRows.Size {
        var size = winsize()
        guard ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0 else { return .init(columns: 0, rows: 0) }
        return .init(columns: Int(size.ws_col), rows: Int(size.ws_row))
    }
}

extension LineEditor.Display {
    /// What is to be written, where the prompt was, for the output to be seen.
    mutating func apply(_ output: LineEditor.Output, inputRows: Int) -> String {
        switch output {
        case .text(let text):
            rows.printed(text)
            return text.replacing("\n", with: "\r\n") + "\r\n"
        case .mark(let mark, let line, let text):
            guard let up = rows.rowsUp(to: line, inputRows: inputRows) else {
                return text.map { apply(.text($0), inputRows: inputRows) } ?? ""
            }
            return "\u{1B}[\(up)A\r\(mark)\u{1B}[\(up)B\r"
        case .prompt(let text):
            prompt = text
            return ""
        case .resumed:
            rows.forget()
            return ""
        }
    }
}

/// The prompt of the one editor that a process has: libedit asks for it by a function without a context.
///
/// Set and read on the editor's thread alone.
private nonisolated(unsafe) var currentPrompt: UnsafeMutablePointer<CChar>?

private func setCurrentPrompt(_ text: String) {
    free(currentPrompt)
    currentPrompt = strdup(text)
}

func writeToTerminal(_ text: String) {
    var rest = Array(text.utf8)[...]
    while !rest.isEmpty {
        let count = rest.withUnsafeBytes { write(STDOUT_FILENO, $0.baseAddress, $0.count) }
        if count > 0 { rest = rest.dropFirst(count) } else if errno != EINTR { return }
    }
}
