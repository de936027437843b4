// SPDX-License-Identifier: Apache-2.0

import Logging
import MeshCore
import MeshProgram
import Metrics
import NIOCore
import NIOPosix
import NIOSSL
import ServiceLifecycle
import Synchronization

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// The relay as a service: listens, and at the end tells everyone to come back.
///
/// All connections and the rooms live on one event loop; connections are accepted, passwords checked, and messages stored
/// on other threads.
struct Relay: Service {
    /// What the relay is told about its place.
    struct Place: Sendable {
        var host: String
        var port: UInt16
        var allowsPlaintext = false
        var origins: OriginRule
        var maximumConnections = 10_000
        var clientsPerAccount = 16
        var loginTime = RelayLimits.loginTime
        /// Silence after which a connection's dialect is taken to be lines.
        var dialectTime = RelayLimits.dialectTime
        var tellsLinesPresence = false
        var rooms = Rooms.Limits()
        /// Connections of one address, and those of them that have not logged in.
        var perAddress = 256
        var guestsPerAddress = 10
        var countedAddresses = CountedAddresses.allButLoopback
        /// Nil for none.
        var publishRate: PublishRate? = .standard

        var door: DoorKeeper.Limits {
            DoorKeeper.Limits(
                connections: maximumConnections,
                perAddress: perAddress,
                guestsPerAddress: guestsPerAddress,
                loginTime: loginTime
            )
        }

        init(host: String, port: UInt16) {
            (self.host, self.port) = (host, port)
            origins = OriginRule(isLoopback: Endpoint(host: host, port: 0)?.isLoopback ?? false)
        }

        /// Connections that may be there beyond those, until they have been let in or turned away.
        var newcomers = 64

        /// Whether a client there may send a password unencrypted.
        @Sendable func takesPasswords(from address: SocketAddress?) -> Bool {
            allowsPlaintext || address.flatMap { Endpoint($0.endpoint) }?.isLoopback == true
        }

        /// Takes no more connections than there can be files.
        mutating func fit(openFiles: Int) {
            let files = openFiles - Self.otherFiles
            maximumConnections = min(maximumConnections, max(1, files - newcomers))
            newcomers = min(max(newcomers, files - maximumConnections), Self.mostNewcomers)
        }

        /// The databases, the files that are read again, and some to spare.
        private static let otherFiles = 64
        private static let mostNewcomers = 4_096
    }

    let place: Place
    let authenticator: Authenticator
    let store: any MessageStore
    let certificate: ServerCertificate
    let logger: Logger
    private let door: Door
    private let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    private let acceptors = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    private let listening: @Sendable (SocketAddress) -> Void
    /// The hall while it is open.
    private let openHall = OpenHall()

    /// `listening` is told the address once connections are taken.
    init(
        place: Place,
        authenticator: Authenticator,
        store: any MessageStore,
        certificate: ServerCertificate,
        logger: Logger,
        listening: @escaping @Sendable (SocketAddress) -> Void
    ) {
        self.place = place
        self.authenticator = authenticator
        self.store = store
        self.certificate = certificate
        self.logger = logger
        self.listening = listening
        door = Door(place.door, counting: place.countedAddresses)
    }

    func run() async throws {
        let loop = group.next()
        let stored = try load()
        let hall = try await loop.submit {
            NIOLoopBound(Hall(relay: self, stored: stored, loop: loop), eventLoop: loop)
        }.get()
        let channel: any Channel
        do {
            channel = try await bind(hall)
        } catch {
            try? await group.shutdownGracefully()
            try? await acceptors.shutdownGracefully()
            await authenticator.shutdown()
            store.close()
            throw ProgramFailure(.unavailable, Self.explanation(of: error, place))
        }
        if let address = channel.localAddress { listening(address) }
        openHall.hall.withLock { $0 = hall }
        try? await gracefulShutdown()
        openHall.hall.withLock { $0 = nil }
        try? await channel.close()
        let emptied = try await loop.flatSubmit { hall.value.shutDown() }.get()
        logger.notice("stopped", metadata: ["connections_told": "\(emptied)"])
        await authenticator.shutdown()
        try await group.shutdownGracefully()
        try await acceptors.shutdownGracefully()
        store.close()
    }

    /// Asks the hall something, on its event loop.
    func onLoop<Answer: Sendable>(_ question: @escaping @Sendable (Hall) throws -> Answer) async throws -> Answer {
        guard let hall = openHall.hall.withLock({ $0 }) else { throw NotRunning() }
        return try await hall.eventLoop.submit { try question(hall.value) }.get()
    }

    /// What the store holds; with what is wrong with it, said.
    private func load() throws -> StoredState {
        do {
            let stored = try store.load(publishedWithin: PublishedMessages.Window())
            if let fault = stored.fault {
                logger.error("messages can't be stored, and are refused", metadata: ["fault": "\(fault)"])
            }
            return stored
        } catch {
            throw ProgramFailure(.cannotCreate, "\(error)")
        }
    }

    private func bind(_ hall: NIOLoopBound<Hall>) async throws -> any Channel {
        // The gate lets the connections in, and hands on none of them as a channel.
        try await ServerBootstrap(group: acceptors)
            .serverChannelInitializer { [place, door, logger] channel in
                channel.eventLoop.makeCompletedFuture {
                    let gate = NewcomerGate(
                        limit: place.newcomers,
                        door: door,
                        takesPasswords: place.takesPasswords,
                        hall: hall.eventLoop,
                        logger: logger
                    ) { hall.value.takeIn($0) }
                    try channel.pipeline.syncOperations.addHandler(gate)
                }
            }
            .serverChannelOption(.backlog, value: 4_096)
            .serverChannelOption(.maxMessagesPerRead, value: 64)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .bind(host: place.host, port: Int(place.port))
            .get()
    }

    private static func explanation(of error: any Error, _ place: Place) -> String {
        let wish = "can't listen on \(place.host), port \(place.port)"
        guard let error = error as? IOError else { return "\(wish): \(error)" }
        return switch error.errnoCode {
        case EADDRINUSE: "\(wish): the port is taken; choose another with --port"
        case EACCES: "\(wish): not permitted; choose a port from 1024 up with --port"
        case EADDRNOTAVAIL: "\(wish): this machine has no such address; choose another with --host"
        default: "\(wish): \(String(cString: strerror(error.errnoCode)))"
        }
    }
}

/// Where a running relay's hall is found from other threads.
private final class OpenHall: Sendable {
    let hall = Mutex<NIOLoopBound<Relay.Hall>?>(nil)
}

/// The relay has not started yet, or has stopped.
struct NotRunning: Error {}
