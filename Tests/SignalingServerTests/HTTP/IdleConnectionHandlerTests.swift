// SPDX-License-Identifier: Apache-2.0

import NIOCore
import NIOEmbedded
import NIOHTTP1
import Testing

@testable import signaling_server

@Suite struct IdleConnectionHandlerTests {
    private let channel = EmbeddedChannel(handler: IdleConnectionHandler())

    init() throws {
        try channel.connect(to: SocketAddress(ipAddress: "192.0.2.1", port: 1)).wait()
    }

    @Test func `a connection on which nothing is asked is closed`() {
        idle()
        #expect(!channel.isActive)
    }

    @Test func `what is asked may take its time`() throws {
        for _ in 0..<2 { try ask() }
        idle()
        try answer()
        idle()
        #expect(channel.isActive)
        try answer()
        idle()
        #expect(!channel.isActive)
    }

    @Test func `an answer to nothing, as to a request that is none, does no harm`() throws {
        try answer()
        try ask()
        idle()
        #expect(channel.isActive)
    }

    private func idle() {
        channel.pipeline.fireUserInboundEventTriggered(IdleStateHandler.IdleStateEvent.all)
    }

    private func ask() throws {
        try channel.writeInbound(HTTPServerRequestPart.head(.init(version: .http1_1, method: .GET, uri: "/")))
        try channel.writeInbound(HTTPServerRequestPart.end(nil))
    }

    private func answer() throws {
        try channel.writeOutbound(HTTPServerResponsePart.head(.init(version: .http1_1, status: .ok)))
        try channel.writeOutbound(HTTPServerResponsePart.end(nil))
    }
}
