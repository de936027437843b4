// SPDX-License-Identifier: Apache-2.0

import MeshCore
import NIOCore
import NIOPosix
import Synchronization
import Testing

/// A line to a relay that can go dead: what is sent over it is taken and goes nowhere, and neither side is told.
final class DeadEnd: Sendable {
    let endpoint: Endpoint
    private let server: any Channel
    private let state: State

    private final class State: Sendable {
        let isDead = Mutex(false)
        let pairs = Mutex<[Forwarder]>([])
    }

    init(to relay: Endpoint) async throws {
        let state = State()
        server = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelOption(.autoRead, value: false)
            .childChannelInitializer { client in
                ClientBootstrap(group: client.eventLoop)
                    .channelOption(.autoRead, value: false)
                    .connect(host: relay.host, port: Int(relay.port))
                    .flatMapThrowing { relay in
                        let isDead = state.isDead.withLock { $0 }
                        let forwarders = [Forwarder(to: relay, isDead: isDead), Forwarder(to: client, isDead: isDead)]
                        state.pairs.withLock { $0 += forwarders }
                        try client.pipeline.syncOperations.addHandler(forwarders[0])
                        try relay.pipeline.syncOperations.addHandler(forwarders[1])
                        for channel in [client, relay] {
                            channel.setOption(.autoRead, value: true).whenFailure { _ in }
                        }
                    }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        self.state = state
        let address = try #require(server.localAddress)
        endpoint = try #require(Endpoint(address.endpoint))
    }

    /// Nothing goes through any more, nor over new connections.
    func holdEverything() {
        state.isDead.withLock { $0 = true }
        state.pairs.withLock { for forwarder in $0 { forwarder.isDead.withLock { $0 = true } } }
    }

    /// The connections that there are stay dead.
    func letNewOnesThrough() {
        state.isDead.withLock { $0 = false }
    }

    func close() async throws {
        try await server.close()
    }
}

/// Passes on what comes, and the end of it, unless the line is dead.
private final class Forwarder: ChannelInboundHandler, Sendable {
    typealias InboundIn = ByteBuffer

    let isDead: Mutex<Bool>
    private let other: any Channel

    init(to other: any Channel, isDead: Bool) {
        self.other = other
        self.isDead = Mutex(isDead)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        if isDead.withLock({ $0 }) { return }
        other.writeAndFlush(unwrapInboundIn(data), promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) {
        if isDead.withLock({ $0 }) { return }
        other.close(promise: nil)
    }
}
