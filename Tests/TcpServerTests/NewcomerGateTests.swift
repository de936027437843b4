// SPDX-License-Identifier: Apache-2.0

import NIOCore
import NIOEmbedded
import Testing

@testable import tcp_server

@Suite struct NewcomerGateTests {
    @Test func `nobody is accepted while too many wait to be taken in`() throws {
        let newcomers = Newcomers(limit: 2)
        let reads = Reads()
        let server = EmbeddedChannel(handlers: [reads, NewcomerGate(newcomers)])
        let connections = [EmbeddedChannel(), EmbeddedChannel()]
        for connection in connections {
            server.read()
            try server.writeInbound(connection as any Channel)
        }
        #expect(reads.count == 2)
        server.read()
        server.embeddedEventLoop.advanceTime(by: .seconds(1))
        #expect(reads.count == 2)
        connections[0].embeddedEventLoop.run()
        server.embeddedEventLoop.advanceTime(by: .seconds(1))
        #expect(reads.count == 3)
        // Once for each time that it was asked for.
        server.embeddedEventLoop.advanceTime(by: .seconds(1))
        #expect(reads.count == 3)
    }
}

/// Counts how often the channel is read from.
private final class Reads: ChannelOutboundHandler {
    typealias OutboundIn = Never

    private(set) var count = 0

    func read(context: ChannelHandlerContext) {
        count += 1
    }
}
