// SPDX-License-Identifier: Apache-2.0

import MeshCore
import NIOCore
import NIOPosix

/// A connection that reads a stream of events as a client does, or as slowly as a test wants.
final class StreamReader {
    private let channel: NIOAsyncChannel<ByteBuffer, ByteBuffer>
    /// The first of what came, the answer's head and the chunks' lengths included.
    private(set) var raw = ""
    private var decoder = ServerSentEventDecoder()

    private init(_ channel: NIOAsyncChannel<ByteBuffer, ByteBuffer>) {
        self.channel = channel
    }

    /// Asks for a stream and gives `body` the events until it has had enough; true from `body` ends it.
    ///
    /// The chunks of the answer are lines of hexadecimal digits, which are no fields of an event.
    static func read(
        port: Int,
        target: String,
        headers: [(String, String)] = [],
        host: String = "localhost",
        buffer: Int? = nil,
        _ body: (StreamReader, [ServerSentEvent]) async throws -> Bool
    ) async throws {
        var bootstrap = ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
        if let buffer { bootstrap = bootstrap.channelOption(.socketOption(.so_rcvbuf), value: .init(buffer)) }
        let channel = try await bootstrap.connect(host: "127.0.0.1", port: port) { channel in
            channel.eventLoop.makeCompletedFuture {
                try NIOAsyncChannel<ByteBuffer, ByteBuffer>(wrappingChannelSynchronously: channel)
            }
        }
        let reader = StreamReader(channel)
        try await channel.executeThenClose { inbound, outbound in
            let lines = headers.map { "\($0): \($1)\r\n" }.joined()
            try await outbound.write(ByteBuffer(string: "GET \(target) HTTP/1.1\r\nHost: \(host)\r\n\(lines)\r\n"))
            do {
                for try await part in inbound {
                    if try await body(reader, reader.received(part)) { return }
                }
            } catch is IOError {
                // The server closed with bytes of ours on the way; what came is what counts.
            }
        }
    }

    /// Whether the bytes so far have the head of an answer with this status.
    func isAnswered(_ status: Int) -> Bool { raw.hasPrefix("HTTP/1.1 \(status) ") }

    private func received(_ part: ByteBuffer) throws -> [ServerSentEvent] {
        if raw.utf8.count < 65_536 { raw += String(buffer: part) }
        return try decoder.received(part.readableBytesView)
    }
}
