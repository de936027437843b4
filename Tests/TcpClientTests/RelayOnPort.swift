// SPDX-License-Identifier: Apache-2.0

import Foundation
import Logging
import MeshCore
import NIOCore
import NIOSSL
import ServiceLifecycle
import TestSupport
import Testing

@testable import tcp_server

/// A relay that can be stopped and started again on its port, with its accounts and its certificate.
///
/// It knows alice and bob, whose password is `secret`.
final class RelayOnPort {
    private let directory: String
    private let history: Int
    private var identity: Identity
    private(set) var endpoint: Endpoint
    private var running: (group: ServiceGroup, end: Task<Void, any Error>)?

    init(directory: String, history: Int) throws {
        self.directory = directory
        self.history = history
        identity = try Identity(commonName: "relay of tests", now: .now)
        endpoint = try #require(Endpoint("127.0.0.1:0"))
        let accounts = ["alice", "bob"].map { "\($0):\(Self.hash)\n" }.joined()
        try Data(accounts.utf8).write(to: URL(filePath: directory + "/accounts"))
    }

    func start() async throws {
        let (addresses, listening) = AsyncStream.makeStream(of: SocketAddress.self)
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        var place = Relay.Place(host: endpoint.host, port: endpoint.port)
        place.loginTime = .seconds(20)
        place.rooms.history = history
        let database = directory + "/messages.sqlite"
        let relay = Relay(
            place: place,
            authenticator: Authenticator(file: AccountFile(path: directory + "/accounts")),
            store: try SQLiteMessageStore(path: database, isSynced: false, retention: Retention()),
            certificate: try ServerCertificate(identity),
            logger: logger
        ) { address in
            listening.yield(address)
            listening.finish()
        }
        let group = ServiceGroup(services: [relay], logger: logger)
        // Awaited in `stop`, or given up with the test.
        let end = Task {
            defer { listening.finish() }
            try await group.run()
        }
        running = (group, end)
        for await address in addresses { endpoint = try #require(Endpoint(address.endpoint)) }
    }

    func stop() async throws {
        guard let (group, end) = running else { return }
        running = nil
        await group.triggerGracefulShutdown()
        try await end.value
    }

    /// Is another relay from now on, as far as its key says.
    func changeKey() throws {
        identity = try Identity(commonName: "another relay", now: .now)
    }

    /// By mkpasswd -m sha512crypt -R 1000.
    private static let hash =
        "$6$rounds=1000$saltsalt$LAV5VE5Y7w1d73x1mFNspYWUpazfmwv2SoepNXNKJ/otop/Zok96Hr8Q13LEv0DRY/x8v0/crpIjl8NJSAqXV/"
}

extension RelayOnPort {
    /// Runs `body` with a relay that is running, and stops it; a newcomer to a room is shown `history` messages.
    static func run(
        history: Int = 1_000,
        _ body: (RelayOnPort, _ directory: String) async throws -> Void
    ) async throws {
        try await withTemporaryDirectory { directory in
            let relay = try RelayOnPort(directory: directory, history: history)
            try await relay.start()
            do {
                try await body(relay, directory)
            } catch {
                try await relay.stop()
                throw error
            }
            try await relay.stop()
        }
    }
}
