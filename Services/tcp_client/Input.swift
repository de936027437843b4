// SPDX-License-Identifier: Apache-2.0

import Foundation
import MeshCore
import MeshProgram
import NIOCore

/// Hands what is typed, or read, to the link, no faster than the link takes it.
struct Input: Sendable {
    /// How the lines of standard input are read where there is no terminal.
    enum Reading: Equatable, Sendable {
        /// Each is a text as it stands, but for `exit`.
        case texts
        /// As they are read at a terminal.
        case commands
    }

    let link: NIOLoopBound<RelayLink>
    let loop: any EventLoop
    let screen: Screen

    /// What is typed into `editor`, until `exit` or the end of the input.
    func type(into editor: LineEditor) async {
        var number = 0
        for await line in editor.lines() {
            number += 1
            do {
                switch try TypedLine(line) {
                case .nothing: continue
                case .command(let command): try? await submit(command, line: number).get()
                case .help: screen.answer(TypedLine.explanation)
                case .exit: return await sayWhatWaits()
                }
            } catch {
                screen.refuse(line: number, because: "\(error)")
            }
        }
        await sayWhatWaits()
    }

    private func sayWhatWaits() async {
        let waiting = try? await loop.submit { link.value.unaccepted }.get()
        if let waiting, waiting > 0 {
            screen.note("Waiting until the relay has \(waiting) more messages. Ctrl-C leaves without.")
        }
        end()
    }

    /// The lines of standard input, until `exit` or its end, on a thread of their own: reading blocks.
    func pipeStandardInput(reading: Reading) {
        let thread = Thread {
            var lines = StandardInputLines()
            var number = 0
            while let line = lines.next() {
                number += 1
                guard let text = String(validating: line.readableBytesView, as: UTF8.self) else {
                    screen.refuse(line: number, because: "it is not UTF-8")
                    continue
                }
                do {
                    guard try pass(text, number, reading) else { break }
                } catch {
                    // What follows may be meant for a room that this command was to go to.
                    screen.refuse(line: number, because: "\(error); what follows was not read")
                    break
                }
            }
            end()
        }
        thread.name = "standard input"
        thread.start()
    }

    /// Hands on a line of standard input; false for the last.
    private func pass(_ text: String, _ number: Int, _ reading: Reading) throws(TypedLineFault) -> Bool {
        let line: TypedLine =
            switch reading {
            case .commands: try TypedLine(text)
            case .texts: text.isEmpty ? .nothing : text == "exit" ? .exit : .command(.say(text))
            }
        switch line {
        case .nothing: return true
        // The wait ends at the latest when the conversation does.
        case .command(let command): try? submit(command, line: number).wait()
        case .help: screen.answer(TypedLine.explanation)
        case .exit: return false
        }
        return true
    }

    private func submit(_ command: RelayClient.Command, line: Int) -> EventLoopFuture<Void> {
        loop.flatSubmit { link.value.submit(command, line: line) }
    }

    private func end() {
        loop.execute { link.value.inputEnded() }
    }
}

/// Cuts standard input into lines, as bytes: what is no UTF-8 is to be told, not mended.
struct StandardInputLines {
    private let descriptor: Int32
    private var decoder = LineDecoder(limit: .max - 1)
    private var buffer = ByteBuffer()
    private var chunk = [UInt8](repeating: 0, count: 65_536)
    private var hasEnded = false

    init(descriptor: Int32 = STDIN_FILENO) {
        self.descriptor = descriptor
    }

    /// The next line without its end; nil at the end of the input.
    ///
    /// Blocks.
    mutating func next() -> ByteBuffer? {
        while true {
            if let line = try? decoder.next(from: &buffer) { return line }
            if hasEnded { return decoder.last(from: &buffer) }
            let count = read(descriptor, &chunk, chunk.count)
            if count > 0 {
                buffer.discardReadBytes()
                buffer.writeBytes(chunk.prefix(count))
            } else if count == 0 || errno != EINTR {
                hasEnded = true
            }
        }
    }
}
