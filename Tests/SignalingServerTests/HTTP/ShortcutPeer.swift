// SPDX-License-Identifier: Apache-2.0

import NIOCore
import NIOEmbedded
import NIOHTTP1

@testable import signaling_server

/// A connection without a socket, and without what would answer the ordinary way.
final class ShortcutPeer {
    static let usual: HTTPHeaders = ["Host": "localhost:8080", "Accept": "application/json"]

    let channel: EmbeddedChannel
    let ends = EndsOfInput()

    init(_ shortcut: ShortcutHandler) {
        channel = EmbeddedChannel(handlers: [shortcut, ends])
    }

    /// A request that others follow in the same piece.
    func askTogether() {
        let head = HTTPRequestHead(
            version: .http1_1,
            method: .GET,
            uri: "/devices",
            headers: Self.usual
        )
        channel.pipeline.fireChannelRead(HTTPServerRequestPart.head(head))
        channel.pipeline.fireChannelRead(HTTPServerRequestPart.end(nil))
    }

    func ask(_ headers: [(String, String)] = []) throws {
        var all = Self.usual
        all.add(contentsOf: headers)
        try send(HTTPRequestHead(version: .http1_1, method: .GET, uri: "/devices", headers: all))
    }

    /// What comes in one piece.
    func send(_ head: HTTPRequestHead) throws {
        channel.pipeline.fireChannelRead(HTTPServerRequestPart.head(head))
        try channel.writeInbound(HTTPServerRequestPart.end(nil))
    }

    /// A heartbeat; where its body comes in more than one piece, so does it.
    func beat(_ id: String, body: [String]) throws {
        var headers = Self.usual
        headers.add(name: "Content-Length", value: "\(body.joined().utf8.count)")
        let uri = "/devices/\(id)/heartbeat"
        let head = HTTPRequestHead(version: .http1_1, method: .POST, uri: uri, headers: headers)
        channel.pipeline.fireChannelRead(HTTPServerRequestPart.head(head))
        for piece in body where !piece.isEmpty {
            let part = HTTPServerRequestPart.body(ByteBuffer(string: piece))
            if body.count > 1 { try channel.writeInbound(part) } else { channel.pipeline.fireChannelRead(part) }
        }
        try channel.writeInbound(HTTPServerRequestPart.end(nil))
    }

    /// The end of an answer comes the ordinary way.
    func finishAnswer() throws {
        try channel.writeOutbound(HTTPServerResponsePart.end(nil))
        _ = try channel.readOutbound(as: HTTPServerResponsePart.self)
    }

    /// Parts that went further since this was last asked.
    func passedOn() throws -> Int {
        var count = 0
        while try channel.readInbound(as: HTTPServerRequestPart.self) != nil { count += 1 }
        return count
    }

    func answeredHead() throws -> HTTPResponseHead? {
        guard case .head(let head)? = try channel.readOutbound(as: HTTPServerResponsePart.self) else { return nil }
        return head
    }
}

/// Counts how often the end of the input is told.
final class EndsOfInput: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart

    private(set) var count = 0

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if event as? ChannelEvent == .inputClosed { count += 1 }
    }
}
