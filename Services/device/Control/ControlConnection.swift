// SPDX-License-Identifier: Apache-2.0

import Foundation
import MeshCore
import MeshProgram
import NIOCore
import NIOPosix

/// Asks the agent that runs on this machine for something, and prints what it answers.
struct ControlConnection {
    let path: String

    /// Returns when the agent has answered to the end.
    func ask(_ request: ControlRequest) async throws {
        var next: ControlRequest? = request
        while let request = next { next = try await answer(to: request) }
    }

    /// Prints an answer, and returns what to ask for the rest of it.
    private func answer(to request: ControlRequest) async throws -> ControlRequest? {
        let channel = try await connect()
        return try await channel.executeThenClose { inbound, outbound in
            var rest: ControlRequest?
            var line = try JSONEncoder().encode(request)
            line.append(UInt8(ascii: "\n"))
            try await outbound.write(ByteBuffer(bytes: line))
            var (buffer, decoder) = (ByteBuffer(), LineDecoder(limit: ControlLimits.unread))
            for try await var bytes in inbound {
                buffer.writeBuffer(&bytes)
                while let line = try decoder.next(from: &buffer) {
                    let reply = try JSONDecoder().decode(ControlReply.self, from: Data(line.readableBytesView))
                    if case .more(let place) = reply { rest = request.continued(after: place) }
                    if try hasEnded(with: reply) { return rest }
                }
                buffer.discardReadBytes()
            }
            throw ProgramFailure(.unavailable, "the agent has left")
        }
    }

    private func connect() async throws -> NIOAsyncChannel<ByteBuffer, ByteBuffer> {
        do {
            return try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
                .connect(unixDomainSocketPath: path) { channel in
                    channel.eventLoop.makeCompletedFuture {
                        try NIOAsyncChannel<ByteBuffer, ByteBuffer>(wrappingChannelSynchronously: channel)
                    }
                }
        } catch {
            throw ProgramFailure(
                .unavailable,
                "no agent of yours runs with \(path): start 'device', or name its directory with --state-dir"
            )
        }
    }

    private func hasEnded(with reply: ControlReply) throws(ProgramFailure) -> Bool {
        switch reply {
        case .line(let text):
            try Self.write(Data("\(text)\n".utf8))
            return false
        case .bytes(let bytes):
            // Whoever wrote it must not steer a terminal; a program gets it as it is.
            let isShown = isatty(STDOUT_FILENO) == 1
            try Self.write(isShown ? Data("\(String(decoding: bytes, as: UTF8.self).printable)\n".utf8) : bytes)
            return false
        case .more: return false
        case .done: return true
        case .failed(let reason, let code): throw ProgramFailure(.init(rawValue: code) ?? .unavailable, reason)
        }
    }

    private static func write(_ bytes: Data) throws(ProgramFailure) {
        do {
            try FileHandle.standardOutput.write(contentsOf: bytes)
        } catch {
            throw ProgramFailure(.inputOutput, "nobody reads the output")
        }
    }
}
