// SPDX-License-Identifier: Apache-2.0

import Foundation
import MeshCore
import MeshProgram
import NIOCore
import NIOPosix

/// Reads commands, one when it is the input's turn.
struct InputReader: Sendable {
    let console: Console
    let inbox: Inbox

    /// Runs until the input ends or it is cancelled.
    func run() async {
        switch console {
        case .terminal(let editor):
            for await line in editor.lines() { inbox.put(.line(line)) }
        case .pipe, .recorder: await readPlain()
        }
        inbox.put(.inputEnded)
    }

    private func readPlain() async {
        let input = PlainInput()
        for await _ in inbox.turns {
            guard let line = await input.nextLine() else { return }
            inbox.put(.line(line))
        }
    }
}

/// The lines of standard input where it is no terminal.
private actor PlainInput {
    private var decoder = LineDecoder(limit: PeerLimits.frame)
    private var buffer = ByteBuffer()
    private var hasEnded = !StandardStreams.isThere(STDIN_FILENO)

    /// Nil at the end, after a line that is too long, and when the task is cancelled.
    func nextLine() async -> String? {
        while !Task.isCancelled {
            do {
                if let line = try decoder.next(from: &buffer) { return String(buffer: line) }
            } catch {
                complain("device: a line of the input is \(error): it ends here")
                return nil
            }
            if hasEnded { return decoder.last(from: &buffer).map { String(buffer: $0) } }
            await readMore()
        }
        return nil
    }

    /// Waits for bytes for a moment, on a thread that may block.
    private func readMore() async {
        let chunk = try? await NIOThreadPool.singleton.runIfActive { Self.readChunk() }
        switch chunk {
        case .bytes(let bytes): buffer.writeBytes(bytes)
        case .nothing: break
        case .end, nil: hasEnded = true
        }
    }

    private enum Chunk: Sendable {
        case bytes([UInt8])
        case nothing
        case end
    }

    private static func readChunk() -> Chunk {
        var source = pollfd(fd: STDIN_FILENO, events: Int16(POLLIN), revents: 0)
        // Not for ever: whoever waits for the input may be cancelled.
        switch poll(&source, 1, 100) {
        case 0: return .nothing
        case ..<0: return errno == EINTR ? .nothing : .end
        default: break
        }
        var bytes = [UInt8](repeating: 0, count: 16 * 1024)
        let count = bytes.withUnsafeMutableBytes { read(STDIN_FILENO, $0.baseAddress, $0.count) }
        if count > 0 { return .bytes(Array(bytes.prefix(count))) }
        return count < 0 && (errno == EINTR || errno == EAGAIN) ? .nothing : .end
    }
}
