// SPDX-License-Identifier: Apache-2.0

import Logging
import MeshCore
import NIOCore
import NIOEmbedded
import SwiftProtobuf
import TestSupport
import Testing

@testable import tcp_server

/// One connection on a channel that the test holds in its hand.
@Suite struct RelayConnectionTests {
    @Test(arguments: [Dialect.lines, .json, .binary])
    func `without TLS, who comes from another machine is refused before a password is shown`(
        dialect: Dialect
    ) async throws {
        try await withStage { stage in
            let channel = try await stage.connect(dialect, .needsTLS)
            let words = try await channel.waitForOutboundWrite(as: ByteBuffer.self)
            #expect(String(buffer: words).contains("This relay takes passwords over TLS only"))
            #expect(!String(buffer: words).contains("Enter"))
            await channel.testingEventLoop.run()
            await channel.testingEventLoop.advanceTime(by: .milliseconds(600))
            #expect(!channel.isActive)
        }
    }

    @Test(arguments: [
        ("127.0.0.1", true), ("127.255.0.9", true), ("::1", true), ("::ffff:127.0.0.1", true), ("192.0.2.1", false),
        ("10.0.0.1", false), ("::", false), ("fe80::1", false), ("::ffff:192.0.2.1", false), ("128.0.0.1", false),
        ("0.0.0.0", false),
    ])
    func `this machine is what has a loopback address`(address: String, isLoopback: Bool) throws {
        var place = Relay.Place.ofTests()
        let address = try SocketAddress(ipAddress: address, port: 1)
        #expect(place.takesPasswords(from: address) == isLoopback)
        place.allowsPlaintext = true
        #expect(place.takesPasswords(from: address))
    }

    @Test func `while the answers can't be written, nothing is read`() async throws {
        try await withStage { stage in
            let channel = try await stage.connect(.json, .mayTakePasswords)
            try await channel.write(#"{"login":{"user":"alice","password":"secret"}}"#)
            _ = try await channel.waitForOutboundWrite(as: ByteBuffer.self)
            var reads = try await channel.readsAfterAsking()
            #expect(reads == 1)
            try await channel.become(isWritable: false)
            reads = try await channel.readsAfterAsking()
            #expect(reads == 1)
            // What came already waits as well.
            try await channel.write(#"{"ping":{"number":"7"}}"#)
            let early = try await channel.readOutbound(as: ByteBuffer.self)
            #expect(early.map { $0.readableBytes } ?? 0 == 0)
            try await channel.become(isWritable: true)
            let pong = try await channel.waitForOutboundWrite(as: ByteBuffer.self)
            #expect(String(buffer: pong) == #"{"pong":{"number":"7"}}"# + "\n")
            reads = try await channel.readsAfterAsking()
            #expect(reads == 3)
        }
    }

    @Test func `while a password is checked, nothing is read`() async throws {
        try await withStage { stage in
            let channel = try await stage.connect(.json, .mayTakePasswords)
            // The verdict comes from another thread: it can't be in before this turn of the loop is over.
            let reads = try await channel.testingEventLoop.executeInContext {
                let login = ByteBuffer(string: #"{"login":{"user":"alice","password":"secret"}}"# + "\n")
                channel.pipeline.fireChannelRead(login)
                channel.pipeline.fireChannelReadComplete()
                channel.pipeline.read()
                return try channel.pipeline.syncOperations.handler(type: ReadCounter.self).count
            }
            #expect(reads == 0)
            _ = try await channel.waitForOutboundWrite(as: ByteBuffer.self)
            let later = try await channel.readsAfterAsking()
            #expect(later == 2)
        }
    }

    private func withStage(_ body: (Stage) async throws -> Void) async throws {
        try await withTemporaryDirectory { directory in
            let authenticator = Authenticator(file: try AccountFile.ofTests(in: directory))
            do {
                try await body(Stage(authenticator: authenticator))
            } catch {
                await authenticator.shutdown()
                throw error
            }
            await authenticator.shutdown()
        }
    }
}

/// Makes connections of a relay without sockets.
private struct Stage: Sendable {
    let authenticator: Authenticator

    func connect(_ dialect: Dialect, _ privacy: RelaySession.Privacy) async throws -> NIOAsyncTestingChannel {
        let channel = NIOAsyncTestingChannel()
        try await channel.connect(to: SocketAddress(ipAddress: "192.0.2.7", port: 7)).get()
        try await channel.testingEventLoop.executeInContext {
            var logger = Logger(label: "test")
            logger.logLevel = .critical
            let rooms = Rooms(
                loop: channel.testingEventLoop,
                store: MemoryStore(),
                stored: StoredState(),
                limits: .init(),
                logger: logger,
                accountExists: authenticator.knows
            )
            let connection = RelayConnection(
                dialect: dialect,
                visit: Visit(
                    door: Door(
                        .init(connections: 10, perAddress: 10, guestsPerAddress: 10, loginTime: .seconds(10)),
                        counting: .all
                    ),
                    visitor: 1
                ),
                privacy: privacy,
                surroundings: Surroundings(
                    rooms: rooms,
                    sessions: Sessions(clientsPerAccount: 1),
                    authenticator: authenticator,
                    meters: PublishMeters(nil),
                    dialectTime: .seconds(10)
                ),
                logger: logger
            )
            try channel.pipeline.syncOperations.addHandlers(ReadCounter(), connection)
        }
        return channel
    }
}

/// Counts the reads that reach the socket.
private final class ReadCounter: ChannelOutboundHandler {
    typealias OutboundIn = Any

    var count = 0

    func read(context: ChannelHandlerContext) {
        count += 1
        context.read()
    }
}

extension NIOAsyncTestingChannel {
    fileprivate func write(_ line: String) async throws {
        try await writeInbound(ByteBuffer(string: line + "\n"))
    }

    /// How many reads have reached the socket after one more was asked for.
    fileprivate func readsAfterAsking() async throws -> Int {
        try await testingEventLoop.executeInContext {
            self.pipeline.read()
            return try self.pipeline.syncOperations.handler(type: ReadCounter.self).count
        }
    }

    fileprivate func become(isWritable: Bool) async throws {
        try await testingEventLoop.executeInContext {
            self.isWritable = isWritable
            self.pipeline.fireChannelWritabilityChanged()
        }
    }
}
