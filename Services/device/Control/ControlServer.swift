// SPDX-License-Identifier: Apache-2.0

import Foundation
import MeshCore
import MeshProgram
import NIOCore
import NIOPosix

/// Takes in the requests of programs on this machine that run as the same user.
enum ControlServer {
    /// Listens at a socket file, which only its owner may use.
    ///
    /// The caller closes the channel. Of an agent that was killed the file may be left: the state directory belongs to
    /// this one alone.
    static func open(at path: String, inbox: Inbox, on loop: any EventLoop) async throws -> any Channel {
        guard path.utf8.count < 104 else {
            throw ProgramFailure(.cannotCreate, "\(path) is too long for a socket: give a shorter --state-dir")
        }
        unlink(path)
        let before = umask(0o177)
        defer { umask(before) }
        do {
            return try await ServerBootstrap(group: loop)
                .childChannelOption(
                    .writeBufferWaterMark,
                    value: .init(low: ControlLimits.unread / 2, high: ControlLimits.unread)
                )
                .childChannelInitializer { channel in
                    channel.eventLoop.makeCompletedFuture {
                        try channel.pipeline.syncOperations.addHandler(ControlHandler(inbox: inbox))
                    }
                }
                .bind(unixDomainSocketPath: path).get()
        } catch {
            throw ProgramFailure(.cannotCreate, "can't make the socket \(path): \(error)")
        }
    }
}

/// A program that asked for something.
struct ControlClient: Sendable {
    let number: Int
    let format: OutputFormat
    private let channel: any Channel

    fileprivate init(number: Int, format: OutputFormat, channel: any Channel) {
        (self.number, self.format, self.channel) = (number, format, channel)
    }

    /// Tells the program; one that does not listen is given up.
    func reply(_ reply: ControlReply) {
        guard channel.isWritable else { return channel.close(promise: nil) }
        guard var line = try? JSONEncoder().encode(reply) else { return }
        line.append(UInt8(ascii: "\n"))
        let written = channel.writeAndFlush(ByteBuffer(bytes: line))
        switch reply {
        case .line, .bytes, .more: break
        case .done, .failed: written.whenComplete { _ in channel.close(promise: nil) }
        }
    }
}

/// Reads one request from a connection, and tells when its end comes.
private final class ControlHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let inbox: Inbox
    private let number = Int.random(in: 1 ... .max)
    private var buffer = ByteBuffer()
    private var decoder = LineDecoder(limit: ControlLimits.line)
    private var hasAsked = false

    init(inbox: Inbox) {
        self.inbox = inbox
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        // One request is what a connection is for.
        if hasAsked { return }
        var bytes = unwrapInboundIn(data)
        buffer.writeBuffer(&bytes)
        do {
            guard let line = try decoder.next(from: &buffer) else { return }
            hasAsked = true
            let request = try JSONDecoder().decode(ControlRequest.self, from: Data(line.readableBytesView))
            let client = ControlClient(number: number, format: request.format, channel: context.channel)
            inbox.put(.asked(request.command, client))
        } catch {
            let client = ControlClient(number: number, format: .text, channel: context.channel)
            client.reply(.failed(reason: "that is no request of this version's", code: 76))
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        if hasAsked { inbox.put(.askerLeft(number)) }
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }
}
