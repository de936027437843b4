// SPDX-License-Identifier: Apache-2.0

import Foundation
import MeshCore
import MeshProgram
import NIOCore

/// Hands what is typed, or read, to the link, no faster than the link takes it.
struct Input: Sendable {
    let link: NIOLoopBound<RelayLink>
    let loop: any EventLoop
    let screen: Screen

    /// What is typed into `editor`, until `exit` or the end of the input.
    func type(into editor: LineEditor) async {
        for await line in editor.lines() {
            let text = line.trimmingCharacters(in: .whitespaces)
            if text == "exit" { break }
            if !text.isEmpty { try? await submit(text).get() }
        }
        let waiting = try? await loop.submit { link.value.unaccepted }.get()
        if let waiting, waiting > 0 {
            screen.note("Waiting until the relay has \(waiting) more messages. Ctrl-C leaves without.")
        }
        end()
    }

    /// The lines of standard input, until `exit` or its end, on a thread of their own: reading blocks.
    func pipeStandardInput() {
        let thread = Thread {
            var lines = StandardInputLines()
            var number = 0
            while let line = lines.next() {
                number += 1
                guard let text = String(validating: line.readableBytesView, as: UTF8.self) else {
                    screen.show(.failed(text: "line \(number)", because: "it is not UTF-8"))
                    continue
                }
                if text == "exit" { break }
                // The wait ends at the latest when the conversation does.
                if !text.isEmpty { try? submit(text).wait() }
            }
            end()
        }
        thread.name = "standard input"
        thread.start()
    }

    private func submit(_ text: String) -> EventLoopFuture<Void> {
        loop.flatSubmit { link.value.submit(text) }
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
