// SPDX-License-Identifier: Apache-2.0

import NIOCore
import NIOEmbedded
import Synchronization
import Testing

@testable import tcp_server

@Suite struct NewcomerGateTests {
    private let reads = Reads()
    private let hall = Hall()

    @Test func `nobody is accepted while too many wait to be taken in`() throws {
        let server = gate(limit: 2)
        try arrive(2, server)
        server.read()
        server.embeddedEventLoop.advanceTime(by: .seconds(1))
        #expect(reads.count == 0)
        try letIn(1, server)
        server.embeddedEventLoop.advanceTime(by: .seconds(1))
        #expect(reads.count == 1)
        // Once for each time that it was asked for.
        server.embeddedEventLoop.advanceTime(by: .seconds(1))
        #expect(reads.count == 1)
    }

    @Test func `as many come in as there is room for, in their order`() throws {
        let server = gate(limit: 10)
        try arrive(5, server)
        #expect(try handedOn(server) == [])
        try letIn(2, server)
        #expect(try handedOn(server) == [0, 1])
        try letIn(0, server)
        #expect(try handedOn(server) == [])
        try letIn(.max, server)
        #expect(try handedOn(server) == [2, 3, 4])
    }

    @Test func `where there is no room for long they come in nevertheless, to be told so`() throws {
        let server = gate(limit: 10)
        try arrive(3, server)
        var came: [Int] = []
        for _ in 0..<100 where came.isEmpty {
            try letIn(0, server)
            came = try handedOn(server)
        }
        #expect(came == [0, 1, 2])
        #expect(hall.room.value.withLock(\.asked) == 20)
    }

    @Test func `who still waits when the port is closed is not left open`() throws {
        let server = gate(limit: 10)
        try arrive(3, server)
        try letIn(1, server)
        server.pipeline.fireChannelInactive()
        #expect(try handedOn(server) == [0])
        _ = try hall.channels[0].finish()
        for channel in hall.channels[1...] { #expect(throws: ChannelError.alreadyClosed) { try channel.finish() } }
    }

    private func gate(limit: Int) -> EmbeddedChannel {
        let room = hall.room
        return EmbeddedChannel(handlers: [reads, NewcomerGate(limit: limit) { room.ask() }])
    }

    private func arrive(_ count: Int, _ server: EmbeddedChannel) throws {
        for _ in 0..<count {
            let channel = EmbeddedChannel(loop: hall.loop)
            hall.channels.append(channel)
            try server.writeInbound(channel as any Channel)
        }
    }

    /// The hall is asked, and has room for so many.
    private func letIn(_ count: Int, _ server: EmbeddedChannel) throws {
        hall.room.value.withLock { $0.places = count }
        // Each has a clock of its own, that begins anywhere; only one of them goes by the other's.
        hall.loop.advanceTime(to: .now() + .seconds(1))
        server.embeddedEventLoop.run()
        // Those who were handed on are taken in, which the gate is told.
        hall.loop.run()
        server.embeddedEventLoop.run()
    }

    /// Which connections were handed on since this was last asked.
    private func handedOn(_ server: EmbeddedChannel) throws -> [Int] {
        var places: [Int] = []
        while let channel = try server.readInbound(as: (any Channel).self) {
            places += hall.channels.indices.filter { hall.channels[$0] === channel }
        }
        return places
    }
}

/// What newcomers are handed on to.
private final class Hall {
    /// For how many there is room.
    final class Room: Sendable {
        let value = Mutex((places: 0, asked: 0))

        func ask() -> Int {
            value.withLock { value in
                value.asked += 1
                return value.places
            }
        }
    }

    let loop = EmbeddedEventLoop()
    let room = Room()
    var channels: [EmbeddedChannel] = []
}

/// Counts how often the channel is read from.
private final class Reads: ChannelOutboundHandler {
    typealias OutboundIn = Never

    private(set) var count = 0

    func read(context: ChannelHandlerContext) {
        count += 1
    }
}
