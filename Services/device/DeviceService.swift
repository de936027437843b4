// SPDX-License-Identifier: Apache-2.0

import Foundation
import Logging
import MeshCore
import MeshProgram
import NIOCore
import NIOPosix
import ServiceLifecycle

/// A device's listener, agent, registration and input, which start and end together.
struct DeviceService: Service {
    let configuration: Configuration
    let identity: Identity
    let directory: StateDirectory
    let console: Console
    let completions: Completions
    let logger: Logger
    private let instance = UInt64.random(in: 1 ... .max)

    init(
        configuration: Configuration,
        identity: Identity,
        directory: StateDirectory,
        console: Console,
        completions: Completions,
        logger: Logger
    ) {
        (self.configuration, self.identity, self.directory) = (configuration, identity, directory)
        (self.console, self.completions, self.logger) = (console, completions, logger)
    }

    func run() async throws {
        // One thread for all that is sent and received, and one for the agent, which may wait for the disk and for
        // whoever reads its output.
        let threads = MultiThreadedEventLoopGroup(numberOfThreads: 2)
        defer { threads.shutdownGracefully { _ in } }
        let (loop, agentLoop) = (threads.next(), threads.next())
        let inbox = Inbox()
        let transport = try PeerTransport(
            identity: identity,
            greeting: PeerGreeting(name: configuration.name, version: meshVersion, instance: instance),
            options: options(on: loop)
        ) { inbox.put(.peer($0)) }
        let agent = try newAgent(inbox, transport, on: agentLoop)
        let listener = try await listen(with: transport)
        let bound = Self.endpoint(of: listener) ?? Endpoint(host: "127.0.0.1", port: 0)
        guard let bound else { throw ProgramFailure(.ourFault, "the listener has no address") }
        // Whom this device hears by IPv6 is to reach it that way, too.
        let beside = bound.host == "0.0.0.0" && configuration.discovery.isOnNetwork
        let listener6 = beside ? await transport.listenByIPv6(bound.port) : nil
        let registry = try configuration.signaling.map { try registryLink(at: $0, bound, inbox, on: loop) }
        let discovery = try await discoveryTask(bound, inbox).open(on: loop)
        let control = try await ControlServer.open(at: directory.file(ControlLimits.socket), inbox: inbox, on: loop)
        _ = console.show(["This is \(Wording.device(configuration.name, identity.id)), listening at \(bound)."])
        let failure = await withGracefulShutdownHandler {
            await withTaskGroup { group in
                if let registry { group.addTask { await registry.run() } }
                if configuration.readsCommands {
                    group.addTask { await InputReader(console: console, inbox: inbox).run() }
                }
                let failure = await agent.run()
                group.cancelAll()
                console.close()
                for port in [listener, listener6, control] { try? await port?.close().get() }
                return failure
            }
        } onGracefulShutdown: {
            inbox.put(.stopped)
        }
        for way in discovery { await way.port.close() }
        await registry?.leave()
        await registry?.client.shutdown()
        if let failure { throw failure }
    }
}

extension DeviceService {
    private func registryLink(
        at address: SignalingAddress,
        _ bound: Endpoint,
        _ inbox: Inbox,
        on loop: any EventLoop
    ) throws -> RegistryLink {
        RegistryLink(
            client: SignalingClient(address, key: identity.key, patience: .seconds(5), on: loop),
            registration: try registration(at: bound),
            enrollmentKey: configuration.enrollmentKey,
            inbox: inbox,
            loop: loop,
            logger: logger
        )
    }

    private func discoveryTask(_ bound: Endpoint, _ inbox: Inbox) -> DiscoveryTask {
        DiscoveryTask(
            configuration: configuration.discovery,
            own: .init(id: identity.id, name: configuration.name, instance: instance, port: bound.port),
            inbox: inbox,
            logger: logger
        )
    }

    private func options(on loop: any EventLoop) -> PeerTransportOptions {
        var options = PeerTransportOptions()
        options.group = loop
        options.timing.heartbeat = configuration.heartbeat
        options.incarnation = UInt64(max(0, Date().timeIntervalSince1970 * 1_000))
        options.answersJSONOfAll = configuration.answersJSONOfAll
        return options
    }

    private func newAgent(_ inbox: Inbox, _ transport: PeerTransport, on loop: any EventLoop) throws -> Agent {
        var policy = PeerPolicy()
        policy.acceptsUnlisted = configuration.acceptsUnlisted
        policy.acceptsNeighbors = configuration.discovery.isOnNetwork
        policy.allowed = configuration.allowed
        var settings = AgentSettings(
            id: identity.id,
            instance: instance,
            policy: policy,
            signaling: configuration.signaling,
            isInteractive: console.isTerminal,
            loop: loop
        )
        settings.allowsPlaintextPeers = configuration.allowsPlaintextPeers
        return try Agent(
            settings: settings,
            inbox: inbox,
            console: console,
            completions: completions,
            transport: transport,
            disk: AgentDisk(path: directory.file("device.sqlite")),
            logger: logger
        )
    }

    /// A port that was asked for is the only one that will do.
    private func listen(with transport: PeerTransport) async throws -> any Channel {
        let wanted = configuration.listen ?? configuration.usualListen
        guard let wanted, let freePort = Endpoint(host: wanted.host, port: 0) else {
            throw ProgramFailure(.ourFault, "the default address to listen at is not valid")
        }
        do {
            return try await transport.listen(at: wanted)
        } catch let error as IOError where error.errnoCode == EADDRINUSE && configuration.listen == nil {
            logger.info("The default port is taken", metadata: ["port": "\(wanted.port)"])
            return try await transport.listen(at: freePort)
        } catch {
            let reason = (error as? IOError).map { String(cString: strerror($0.errnoCode)) } ?? "\(error)"
            throw ProgramFailure(
                .unavailable,
                "can't listen at \(wanted): \(reason): give another address with --listen; port 0 is a free one"
            )
        }
    }

    private static func endpoint(of listener: any Channel) -> Endpoint? {
        guard let address = listener.localAddress, let host = address.ipAddress, let port = address.port else {
            return nil
        }
        return Endpoint(host: host, port: UInt16(clamping: port))
    }

    /// The port alone lets the registry add the address that it sees; of no use where only this machine is listened to.
    private func registration(at bound: Endpoint) throws -> Registration {
        let addresses = OwnAddresses.of(bound, interfaces: OwnAddresses.interfaces())
        var members: [String: JSON] = [
            "id": .string(identity.id.description),
            "name": .string(configuration.name),
            "addresses": .array(addresses.map { .string($0.description) }),
        ]
        if OwnAddresses.isWildcard(bound.host) { members["port"] = .integer(Int(bound.port)) }
        members["ttl"] = configuration.ttl.map { .integer(Int($0.nanoseconds / 1_000_000_000)) }
        return try Registration(.object(members))
    }
}
