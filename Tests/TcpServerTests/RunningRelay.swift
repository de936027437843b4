// SPDX-License-Identifier: Apache-2.0

import Foundation
import Logging
import MeshCore
import NIOCore
import NIOPosix
import NIOSSL
import ServiceLifecycle
import Synchronization
import TestSupport
import Testing

@testable import tcp_server

/// A relay on a free port of loopback.
struct RunningRelay: Sendable {
    let address: SocketAddress
    private let group: ServiceGroup
    private let end: End

    private final class End: Sendable {
        let isReached = Atomic(false)
    }

    /// Whether it has stopped altogether.
    var hasStopped: Bool { end.isReached.load(ordering: .acquiring) }

    /// Runs `body` against a relay that starts from nothing and knows the accounts of ``AccountFile/textOfTests``; then
    /// stops it.
    static func run(
        _ place: Relay.Place = .ofTests(),
        store: any MessageStore = MemoryStore(),
        _ body: @Sendable (RunningRelay) async throws -> Void
    ) async throws {
        try await withTemporaryDirectory { directory in
            let (addresses, listening) = AsyncStream.makeStream(of: SocketAddress.self)
            var logger = Logger(label: "test")
            logger.logLevel = .critical
            let relay = Relay(
                place: place,
                authenticator: Authenticator(file: try AccountFile.ofTests(in: directory)),
                store: store,
                certificate: try ServerCertificate(Identity(commonName: "relay of tests", now: .now)),
                logger: logger
            ) { listening.yield($0) }
            let services = ServiceGroup(services: [relay], logger: logger)
            let end = End()
            try await withThrowingTaskGroup { tasks in
                tasks.addTask {
                    defer { end.isReached.store(true, ordering: .releasing) }
                    try await services.run()
                }
                defer { listening.finish() }
                for await address in addresses.prefix(1) {
                    let running = RunningRelay(address: address, group: services, end: end)
                    do {
                        try await body(running)
                    } catch {
                        await running.stop()
                        throw error
                    }
                    await running.stop()
                }
                try await tasks.waitForAll()
            }
        }
    }

    /// Tells it to stop, as SIGTERM does.
    func stop() async {
        await group.triggerGracefulShutdown()
    }

    /// A connection to it.
    func connect(_ manner: RelayPeer.Manner = .plain) async throws -> RelayPeer {
        try await RelayPeer.connect(to: address, manner)
    }

    /// A connection that speaks the binary dialect.
    func connectInBinary(_ manner: RelayPeer.Manner = .plain) async throws -> RelayPeer {
        let peer = try await connect(manner)
        try await peer.send(Dialect.binaryPreamble)
        return peer
    }

    /// A connection that speaks lines and is logged in.
    func lines(as user: String, _ manner: RelayPeer.Manner = .plain) async throws -> RelayPeer {
        let peer = try await connect(manner)
        try await peer.send("\(user)\nsecret\n")
        try await peer.hears("Welcome, \(user)!\nMessage history:\n")
        return peer
    }

    /// A connection that speaks the binary dialect and is logged in.
    func binary(as user: String, session: String = "", _ manner: RelayPeer.Manner = .plain) async throws -> RelayPeer {
        let peer = try await connectInBinary(manner)
        try await peer.send(.login(user, session: session))
        try await peer.hears("welcome") { $0.events.first?.welcome != nil }
        return peer
    }
}

extension Relay.Place {
    static func ofTests(
        maximumConnections: Int = 1_000,
        loginTime: TimeAmount = .seconds(20),
        dialectTime: TimeAmount = .seconds(20),
        roomMemory: Int = 64 * 1_024 * 1_024
    ) -> Relay.Place {
        var place = Relay.Place(host: "127.0.0.1", port: 0)
        place.maximumConnections = maximumConnections
        (place.loginTime, place.dialectTime) = (loginTime, dialectTime)
        place.rooms.roomMemory = roomMemory
        return place
    }
}

extension AccountFile {
    /// Everyone's password is `secret`; the account `off` can't log in.
    static let textOfTests = text(with: cheapHash)
    /// The same accounts and passwords, with hashes by a method that is no longer preferred.
    static let outdatedTextOfTests = text(with: outdatedHash)

    private static func text(with hash: String) -> String {
        ["alice", "bob", "carol", "dave"].map { "\($0):\(hash)\n" }.joined() + "off:*\n"
    }

    /// A file with ``textOfTests``.
    static func ofTests(in directory: String, named name: String = "accounts") throws -> AccountFile {
        let file = AccountFile(path: "\(directory)/\(name)")
        try Data(textOfTests.utf8).write(to: URL(filePath: file.path))
        return file
    }

    /// By mkpasswd -m yescrypt -R 1: a matter of milliseconds.
    private static let cheapHash =
        "$y$j75$ER6l.8j0r4vKZyQYiruDO/$pkUHhfPDB1PPZF8BYhUbXFzNLKti7DZbdkYOXf1M4T5"
    /// By mkpasswd -m sha512crypt -R 1000.
    private static let outdatedHash =
        "$6$rounds=1000$saltsalt$LAV5VE5Y7w1d73x1mFNspYWUpazfmwv2SoepNXNKJ/otop/Zok96Hr8Q13LEv0DRY/x8v0/crpIjl8NJSAqXV/"
}
