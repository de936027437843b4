// SPDX-License-Identifier: Apache-2.0

package import NIOCore
import NIOPosix
import Synchronization

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// Carries a device's connections: takes in those of others, and dials.
///
/// All that happens is told to a closure, in order for each connection, on event loops: it must not block.
package final class PeerTransport: Sendable {
    private let group: any EventLoopGroup
    private let security: PeerSecurity
    private let setup: PeerSetup
    /// Which of the devices are alive.
    package var detection: FailureDetection { setup.detection }
    private let gate: HalfOpenGate
    /// For connections that speak HTTP or JSON.
    private let webGate = HalfOpenGate(limit: 64)
    private let options: PeerTransportOptions
    private let isStopping = Atomic(false)
    private let lastNumber = Atomic(0)
    /// Where connections are taken in; 0 for nowhere.
    private let port = Atomic<UInt16>(0)

    /// At most `halfOpen` connections from outside wait for being admitted; for further ones the oldest are closed.
    package init(
        identity: Identity,
        greeting: PeerGreeting,
        options: PeerTransportOptions = PeerTransportOptions(),
        report: @escaping @Sendable (PeerEvent) -> Void
    ) throws {
        (group, self.options) = (options.group, options)
        security = try PeerSecurity(identity)
        let detector = FailureDetector(ownID: identity.id, incarnation: options.incarnation)
        let detection = FailureDetection(detector, on: group.next()) { report(.life($0, $1)) }
        setup = PeerSetup(greeting: greeting, timing: options.timing, detection: detection, report: report)
        gate = HalfOpenGate(limit: options.halfOpen)
    }

    /// Takes in connections at `endpoint`; port 0 is a free one.
    ///
    /// The caller closes the channel.
    package func listen(at endpoint: Endpoint) async throws -> any Channel {
        let channel = try await listener.bind(host: endpoint.host, port: Int(endpoint.port)).get()
        port.store(UInt16(clamping: channel.localAddress?.port ?? 0), ordering: .relaxed)
        return channel
    }

    private var listener: ServerBootstrap {
        ServerBootstrap(group: group)
            .serverChannelOption(.backlog, value: 256)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.socketOption(.tcp_nodelay), value: 1)
            .childChannelOption(.writeBufferWaterMark, value: Self.waterMark)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture { try self.accept(channel) }
            }
    }

    /// Takes in connections by IPv6 beside those that come by IPv4 to the same port; nil where this machine can't.
    package func listenByIPv6(_ port: UInt16) async -> (any Channel)? {
        let option = ChannelOptions.Types.SocketOption(level: .ipv6, name: .init(rawValue: IPV6_V6ONLY))
        return try? await listener.serverChannelOption(option, value: 1).bind(host: "::", port: Int(port)).get()
    }

    /// The device is about to leave: who asks is told so.
    package func stop() { isStopping.store(true, ordering: .relaxed) }

    /// Dials a device as planned.
    ///
    /// Reports `dialed`, and `greeted` or `dialFailed`, once.
    package func dial(_ id: DeviceID, _ plan: DialPlan) {
        let loop = group.next()
        loop.execute { self.race(id, plan, on: loop) }
    }

    /// Room for all texts that may be under way.
    private static let waterMark = ChannelOptions.Types.WriteBufferWaterMark(
        low: PeerLimits.unsent / 2,
        high: PeerLimits.unsent
    )
}

extension PeerTransport {
    private func accept(_ channel: any Channel) throws {
        let place = gate.enter(channel)
        let address = channel.remoteAddress.map(Self.text) ?? "an unknown address"
        let report = setup.report
        let handler = PeerPortHandler(patience: setup.timing.greeting) { dialect, handler, channel in
            switch dialect {
            case .tls: try self.prepare(channel, .acceptor(address: address, place: place), behind: handler)
            case .json:
                place.leave()
                try self.acceptJSON(channel, from: address)
            case .http:
                place.leave()
                try self.acceptWeb(channel, from: address, device: nil)
            }
        } giveUp: { reason in
            place.leave()
            report(.turnedAway(from: address, why: reason))
        }
        try channel.pipeline.syncOperations.addHandler(handler)
    }

    /// What is neither TLS nor asked for from this machine has to be allowed.
    private func acceptJSON(_ channel: any Channel, from address: String) throws {
        guard options.answersJSONOfAll || Endpoint(address)?.isLoopback == true else {
            setup.report(.turnedAway(from: address, why: "JSON from other machines is not allowed"))
            throw NotTakenIn()
        }
        _ = enterWeb(channel)
        let report = setup.report
        // Who has asked may have ended what it sends; the answer still goes to it.
        try channel.syncOptions?.setOption(.allowRemoteHalfClosure, value: true)
        try channel.pipeline.syncOperations.addHandler(EarlierPeerHandler { report(.asked($0, $1)) })
    }

    private func acceptWeb(_ channel: any Channel, from address: String, device: DeviceID?) throws {
        let place = enterWeb(channel)
        let web = PeerWeb(
            number: lastNumber.add(1, ordering: .relaxed).newValue,
            address: address,
            device: device,
            isStopping: { self.isStopping.load(ordering: .relaxed) },
            place: place,
            report: setup.report
        )
        try web.configure(channel)
    }

    /// Counts a connection that is no device's until it ends.
    private func enterWeb(_ channel: any Channel) -> HalfOpenGate.Place {
        let place = webGate.enter(channel)
        channel.closeFuture.whenComplete { _ in place.leave() }
        return place
    }

    private func race(_ id: DeviceID, _ plan: DialPlan, on loop: any EventLoop) {
        let race = DialRace(plan, on: loop) { race, index in
            self.attempt(PeerDial(id: id, attempt: plan.attempts[index], index: index, race: race), on: loop)
        } finish: { report in
            self.setup.report(.dialed(id, report))
            if !report.results.contains(where: { $0.outcome == .chosen }) {
                self.setup.report(.dialFailed(id, report.fault))
            }
        }
        race.run()
    }

    private func attempt(_ dial: PeerDial, on loop: any EventLoop) {
        let bound = NIOLoopBound(dial, eventLoop: loop)
        ClientBootstrap(group: loop)
            .connectTimeout(dial.attempt.timeout)
            .channelOption(.socketOption(.tcp_nodelay), value: 1)
            .channelOption(.writeBufferWaterMark, value: Self.waterMark)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture { bound.value.race.opened(bound.value.index, channel) }
            }
            .connect(host: dial.endpoint.host, port: Int(dial.endpoint.port))
            .whenComplete { result in
                let dial = bound.value
                switch result {
                case .success(let channel):
                    // Of the channels that a name's several addresses made, this one stays, and nothing was read from
                    // it that matters: in TLS the client speaks first.
                    do { try self.prepare(channel, .dialer(dial)) } catch {
                        channel.close(promise: nil)
                        dial.failed(.notReached(dial.endpoint, "\(error)"))
                    }
                case .failure(let error): dial.failed(.notReached(dial.endpoint, Self.reason(error)))
                }
            }
    }

    private func prepare(_ channel: any Channel, _ role: PeerRole, behind door: PeerPortHandler? = nil) throws {
        let proof = PeerProof()
        var setup = setup
        setup.greeting.port = port.load(ordering: .relaxed)
        let number = lastNumber.add(1, ordering: .relaxed).newValue
        // First, so that it sees the end of the connection whatever else fails.
        let handler = PeerConnectionHandler(role, number: number, proof: proof, setup: setup) { channel, device in
            try self.acceptWeb(channel, from: role.address, device: device)
        }
        try channel.pipeline.syncOperations.addHandler(handler)
        let tls = try security.handler(for: role.direction, proof: proof)
        let pipeline = channel.pipeline.syncOperations
        if let door {
            try pipeline.addHandler(tls, position: .after(door))
        } else {
            try pipeline.addHandler(tls, position: .first)
        }
    }

    private static func text(_ address: SocketAddress) -> String {
        Endpoint(sender: address)?.description ?? "\(address)"
    }

    private static func reason(_ error: any Error) -> String {
        switch error {
        case let error as IOError: String(cString: strerror(error.errnoCode))
        case ChannelError.connectTimeout: "no answer"
        case let error as NIOConnectionError:
            error.connectionErrors.first.map { reason($0.error) } ?? "no such host"
        default: "\(error)"
        }
    }
}

/// The bounds of a device's transport.
package struct PeerTransportOptions: Sendable {
    package var timing = PeerTiming()
    /// Higher than at any start before.
    package var incarnation: UInt64 = 0
    /// Connections from outside that are not admitted.
    package var halfOpen = 64
    /// Whether the earlier key-value program's messages are answered to other machines too.
    package var answersJSONOfAll = false
    package var group: any EventLoopGroup = MultiThreadedEventLoopGroup.singleton

    package init() {}
}

/// A connection is closed at once: what it speaks is not allowed from where it comes.
private struct NotTakenIn: Error {}
