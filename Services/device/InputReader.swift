// SPDX-License-Identifier: Apache-2.0

import Foundation
import MeshCore
import MeshProgram
import NIOCore

/// Reads commands, as many as are there when it is the input's turn.
struct InputReader: Sendable {
    let console: Console
    let inbox: Inbox

    /// Runs until a terminal's input ends or it is cancelled; what else is read, a thread of its own reads.
    func run() async {
        switch console {
        case .terminal(let editor):
            for await line in editor.lines() { inbox.put(.lines([line])) }
            inbox.put(.inputEnded)
        case .pipe, .recorder: readPlain()
        }
    }

    /// Nobody waits for the thread: it may stand in a read when the program ends.
    private func readPlain() {
        let inbox = inbox
        let thread = Thread {
            var input = PlainInput()
            while let lines = input.nextLines() {
                inbox.waitForTurn()
                inbox.put(.lines(lines))
            }
            inbox.waitForTurn()
            inbox.put(.inputEnded)
        }
        thread.name = "input"
        thread.start()
    }
}

/// The lines of standard input where it is no terminal.
struct PlainInput {
    private let source: Int32
    private var decoder = LineDecoder(limit: PeerLimits.frame)
    private var buffer = ByteBuffer()
    private var hasEnded: Bool

    init(source: Int32 = STDIN_FILENO) {
        self.source = source
        hasEnded = !StandardStreams.isThere(source)
    }

    /// Waits for the next lines, one at least; nil at the end, and after a line that is too long.
    mutating func nextLines() -> [String]? {
        while true {
            var lines: [String] = []
            do {
                while let line = try decoder.next(from: &buffer) { lines.append(String(buffer: line)) }
            } catch {
                complain("device: a line of the input is \(error): it ends here")
                (hasEnded, buffer) = (true, ByteBuffer())
            }
            if hasEnded, let last = decoder.last(from: &buffer) { lines.append(String(buffer: last)) }
            if !lines.isEmpty { return lines }
            if hasEnded { return nil }
            readMore()
        }
    }

    private mutating func readMore() {
        buffer.discardReadBytes()
        var outcome = (count: 0, fault: Int32(0))
        buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: Self.chunk) { [source] bytes in
            outcome.count = read(source, bytes.baseAddress, bytes.count)
            outcome.fault = errno
            return max(0, outcome.count)
        }
        if outcome.count > 0 { return }
        switch outcome.fault {
        case EINTR where outcome.count < 0: break
        case EAGAIN where outcome.count < 0: waitForBytes()
        default: hasEnded = true
        }
    }

    /// Whoever shares the input may have made it one that does not block.
    private func waitForBytes() {
        var waiting = pollfd(fd: source, events: Int16(POLLIN), revents: 0)
        poll(&waiting, 1, -1)
    }

    private static let chunk = 64 * 1024
}
