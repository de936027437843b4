// SPDX-License-Identifier: Apache-2.0

import NIOCore
import NIOEmbedded
import NIOPosix
import NIOSSL
import Synchronization
import TestSupport

/// Many connections that never log in, each by one of the known ways to cost a server something.
///
/// Who is turned away comes back a little later.
final class Attackers: Sendable {
    enum Kind: CaseIterable {
        /// A letter now and then.
        case drip
        /// Asks and asks, and never reads an answer.
        case neverReads
        case endlessLine
        case garbage
        /// The first bytes of TLS, and then nothing.
        case silentAfterHello
    }

    private let channels = Mutex<[ObjectIdentifier: any Channel]>([:])
    private let made = Atomic(0)
    private let ended = Atomic(0)
    private let isOver = Atomic(false)
    private let hello: ByteBuffer

    init() throws {
        hello = try Self.clientHello()
    }

    /// How many connections were made.
    var connected: Int { made.load(ordering: .relaxed) }
    /// How many of these are open.
    var open: Int { connected - ended.load(ordering: .relaxed) }

    /// Connects as many as that, a few hundred at the same time.
    func connect(_ count: Int, to port: Int) async throws {
        let kinds = Kind.allCases
        try await withThrowingDiscardingTaskGroup { tasks in
            for worker in 0..<200 {
                tasks.addTask {
                    for number in stride(from: worker, to: count, by: 200) {
                        try await self.connect(kinds[number % kinds.count], port)
                    }
                }
            }
        }
    }

    func close() {
        isOver.store(true, ordering: .relaxed)
        for channel in channels.withLock({ Array($0.values) }) { channel.close(promise: nil) }
    }

    private func connect(_ kind: Kind, _ port: Int) async throws {
        let channel = try await Self.bootstrap(kind).connect(host: "127.0.0.1", port: port).get()
        attack(kind, channel, port)
    }

    private static func bootstrap(_ kind: Kind) -> ClientBootstrap {
        ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .channelOption(.autoRead, value: kind != .neverReads)
            .channelOption(.socketOption(.so_rcvbuf), value: 4_096)
    }

    private func attack(_ kind: Kind, _ channel: any Channel, _ port: Int) {
        made.add(1, ordering: .relaxed)
        let key = ObjectIdentifier(channel)
        channels.withLock { $0[key] = channel }
        channel.closeFuture.whenComplete { _ in
            self.ended.add(1, ordering: .relaxed)
            _ = self.channels.withLock { $0.removeValue(forKey: key) }
            channel.eventLoop.scheduleTask(in: Self.rest) { self.comeBack(kind, port) }
        }
        switch kind {
        case .drip: drip(channel)
        case .neverReads: say(String(repeating: "{\"ping\":{}}\n", count: 330), channel)
        case .endlessLine: channel.writeAndFlush(Self.line, promise: nil)
        case .garbage:
            var generator = SeededGenerator(seed: UInt64(connected))
            let bytes = (0..<2_000).map { _ in UInt8.random(in: 0...255, using: &generator) }
            channel.writeAndFlush(ByteBuffer(bytes: bytes), promise: nil)
        case .silentAfterHello: channel.writeAndFlush(hello, promise: nil)
        }
    }

    private static let line = ByteBuffer(repeating: UInt8(ascii: "x"), count: 262_144)
    /// How long who was turned away stays away.
    private static let rest = TimeAmount.seconds(3)

    private func comeBack(_ kind: Kind, _ port: Int) {
        if isOver.load(ordering: .relaxed) { return }
        Self.bootstrap(kind).connect(host: "127.0.0.1", port: port).whenSuccess { self.attack(kind, $0, port) }
    }

    private func say(_ text: String, _ channel: any Channel) {
        channel.writeAndFlush(ByteBuffer(string: text), promise: nil)
    }

    private func drip(_ channel: any Channel) {
        channel.eventLoop.scheduleRepeatedTask(initialDelay: .zero, delay: .milliseconds(700)) { task in
            if channel.isActive { self.say("x", channel) } else { task.cancel() }
        }
    }

    /// What a client of TLS says first.
    private static func clientHello() throws -> ByteBuffer {
        let channel = EmbeddedChannel()
        var configuration = TLSConfiguration.makeClientConfiguration()
        configuration.certificateVerification = .none
        let handler = try NIOSSLClientHandler(
            context: NIOSSLContext(configuration: configuration),
            serverHostname: nil
        )
        try channel.pipeline.syncOperations.addHandler(handler)
        try channel.connect(to: SocketAddress(ipAddress: "127.0.0.1", port: 1)).wait()
        defer { _ = try? channel.finish() }
        return try channel.readOutbound(as: ByteBuffer.self) ?? ByteBuffer()
    }
}
