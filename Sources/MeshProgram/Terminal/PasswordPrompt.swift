// SPDX-License-Identifier: Apache-2.0

import Dispatch
import Foundation

/// Asks at the terminal and reads the answer without showing it; without a terminal, reads a line of standard input.
///
/// Nil at the end of the input.
package func readPassword(prompt: String) throws(ProgramFailure) -> String? {
    let terminal = open("/dev/tty", O_RDWR | O_CLOEXEC)
    guard terminal >= 0, isatty(STDIN_FILENO) == 1 else {
        if terminal >= 0 { close(terminal) }
        return readLine(strippingNewline: true)
    }
    defer { close(terminal) }
    var before = termios()
    guard tcgetattr(terminal, &before) == 0 else {
        throw ProgramFailure(.system, "can't switch off the terminal's echo: \(systemError())")
    }
    var silent = before
    silent.c_lflag &= ~tcflag_t(ECHO | ISIG)
    silent.c_lflag |= tcflag_t(ECHONL)
    // Ctrl-C ends the line instead of the program, which would leave the terminal without echo.
    withUnsafeMutableBytes(of: &silent.c_cc) { $0[Int(VEOL)] = interrupt }
    let restoring = signalsRestoring(terminal, to: before)
    defer {
        tcsetattr(terminal, TCSAFLUSH, &before)
        for source in restoring { source.cancel() }
        for number in fatalSignals { signal(number, SIG_DFL) }
    }
    guard tcsetattr(terminal, TCSAFLUSH, &silent) == 0 else {
        throw ProgramFailure(.system, "can't switch off the terminal's echo: \(systemError())")
    }
    _ = Array(prompt.utf8).withUnsafeBytes { write(terminal, $0.baseAddress, $0.count) }
    var bytes = [UInt8](repeating: 0, count: 4_096)
    var count = read(terminal, &bytes, bytes.count)
    while count < 0, errno == EINTR { count = read(terminal, &bytes, bytes.count) }
    guard count > 0 else { return nil }
    let line = bytes.prefix(count)
    if line.last == interrupt { throw ProgramFailure(.interrupted, "interrupted") }
    return String(decoding: line.last == UInt8(ascii: "\n") ? line.dropLast() : line, as: UTF8.self)
}

private let interrupt: UInt8 = 3
private let fatalSignals = [SIGTERM, SIGHUP, SIGINT]

/// Gives the terminal its echo back when a signal ends the program meanwhile.
private func signalsRestoring(_ terminal: Int32, to state: termios) -> [any DispatchSourceSignal] {
    fatalSignals.map { number in
        signal(number, SIG_IGN)
        let source = DispatchSource.makeSignalSource(signal: number)
        source.setEventHandler {
            var state = state
            tcsetattr(terminal, TCSAFLUSH, &state)
            exit(128 + number)
        }
        source.resume()
        return source
    }
}

/// What the system says of the last call that failed.
func systemError() -> String { String(cString: strerror(errno)) }
