// SPDX-License-Identifier: Apache-2.0

package import NIOCore
import NIOPosix
import Synchronization

/// Drives a discovery source: gives it what comes and the time, and sends what it wants sent.
///
/// All of it happens on one event loop.
package final class DiscoveryPort {
    private let loop: any EventLoop
    private let medium: DiscoveryMedium
    private var source: any DiscoverySource
    /// Receives what is sent to all; nil for a source that listens to nobody but those it asked.
    private let common: DatagramSocket?
    /// From which everything is sent: its port is this device's alone, so that answers reach it and not another on the
    /// same machine.
    private let own: DatagramSocket
    private var channels: [any Channel] = []
    private var joined: Set<Int> = []
    private var timer: Scheduled<Void>?
    private var report: (DiscoveryEvent) -> Void = { _ in }
    /// For who wants to know, on whichever thread.
    private let counted = Counted()

    fileprivate final class Counted: Sendable {
        let counts = Mutex(DatagramCounts())
    }

    private init(_ source: any DiscoverySource, _ medium: DiscoveryMedium, on loop: any EventLoop) throws {
        (self.source, self.medium, self.loop) = (source, medium, loop)
        switch medium {
        case .broadcast(let port, _):
            common = try DatagramSocket(host: "0.0.0.0", port: port)
            own = try DatagramSocket(host: "0.0.0.0", port: 0)
        case .multicast(let group, let port, _):
            // A group of one link has no address without the link, of which there are several.
            common = try DatagramSocket(host: group.contains(":") ? "::" : group, port: port)
            own = try DatagramSocket(host: group.contains(":") ? "::" : "0.0.0.0", port: 0)
        case .unicast(let port):
            common = nil
            own = try DatagramSocket(host: "0.0.0.0", port: port)
        }
    }

    /// Opens the sockets that `medium` needs, and runs `source` until the result is closed.
    ///
    /// `report` is called on `loop`; must not block.
    package static func open(
        _ source: any DiscoverySource,
        on medium: DiscoveryMedium,
        loop: any EventLoop,
        report: @escaping @Sendable (DiscoveryEvent) -> Void
    ) async throws -> OpenDiscoveryPort {
        try await loop.flatSubmit {
            do {
                let port = try DiscoveryPort(source, medium, on: loop)
                port.report = report
                return port.begin()
            } catch {
                return loop.makeFailedFuture(error)
            }
        }.get()
    }

    private func begin() -> EventLoopFuture<OpenDiscoveryPort> {
        let sockets = [common.map { ($0, true) }, (own, false)].compactMap(\.self)
        let bound = NIOLoopBound(self, eventLoop: loop)
        let futures = sockets.map { socket, isToAll in
            DatagramBootstrap(group: loop)
                .channelOption(.recvAllocator, value: FixedSizeRecvByteBufferAllocator(capacity: Self.longest + 1))
                .channelInitializer { channel in
                    channel.eventLoop.makeCompletedFuture {
                        let handler = DatagramReader(isToAll: isToAll) { bound.value.received($0) }
                        try channel.pipeline.syncOperations.addHandler(handler)
                    }
                }
                .withBoundSocket(socket.reading)
        }
        return EventLoopFuture.whenAllSucceed(futures, on: loop).map { channels in
            let port = bound.value
            port.channels = channels
            port.joinGroups()
            port.perform(port.source.started(at: .now()))
            return OpenDiscoveryPort(port: bound, loop: port.loop, counted: port.counted)
        }
    }

    fileprivate func received(_ result: Result<Datagram, DatagramFault>) {
        switch result {
        case .success(let datagram): perform(source.received(datagram, at: .now()))
        case .failure(let fault): unread.skip(fault)
        }
        var counts = source.counts
        counts.add(unread)
        counted.counts.withLock { $0 = counts }
    }

    /// What was skipped before the source saw it.
    private var unread = DatagramCounts()

    fileprivate func close() {
        timer?.cancel()
        report = { _ in }
        for channel in channels { channel.close(promise: nil) }
        channels = []
    }

    private func perform(_ actions: [DiscoveryAction]) {
        for action in actions {
            switch action {
            case .announce: announce()
            case .send(let bytes, let endpoint): send(bytes, to: endpoint)
            case .answer(let endpoint): answer(endpoint)
            case .metEarlier(let peer): report(.metEarlier(peer))
            case .sighted(let sighting): report(.sighted(sighting))
            case .progress(let asked, let total, let found): report(.progress(asked: asked, of: total, found: found))
            case .setTimer(let deadline): schedule(deadline)
            }
        }
    }

    private func schedule(_ deadline: NIODeadline) {
        timer?.cancel()
        let bound = NIOLoopBound(self, eventLoop: loop)
        timer = loop.scheduleTask(deadline: deadline) {
            let port = bound.value
            port.perform(port.source.timerFired(at: .now()))
        }
    }

    /// Interfaces come and go: they are looked at each time.
    private func announce() {
        joinGroups()
        for interface in medium.interfaces(among: NetworkInterface.all()) {
            let bytes = source.announcement(from: interface.address)
            if !announce(bytes, on: interface) { report(.notSent(on: interface.name)) }
        }
    }

    private func announce(_ bytes: [UInt8], on interface: NetworkInterface) -> Bool {
        switch medium {
        case .unicast: return true
        case .broadcast(let port, let address):
            guard let endpoint = (address ?? interface.broadcast).flatMap({ Endpoint(host: $0, port: port) }) else {
                return true
            }
            return own.send(bytes, to: endpoint)
        case .multicast(let group, let port, _):
            guard let endpoint = Endpoint(host: group, port: port) else { return true }
            return own.send(bytes, toGroup: endpoint, interface: interface.index)
        }
    }

    private func send(_ bytes: [UInt8], to endpoint: Endpoint) {
        // Nobody waits for it: a probe that can't be sent is one that is not answered.
        _ = own.send(bytes, to: endpoint)
    }

    /// The earlier program dials the address that an answer names.
    private func answer(_ endpoint: Endpoint) {
        let interfaces = medium.interfaces(among: NetworkInterface.all())
        let address = (interfaces.first { $0.reaches(endpoint.host) } ?? interfaces.first)?.address
        send(source.answer(from: address ?? ""), to: endpoint)
    }

    private func joinGroups() {
        guard case .multicast(let group, _, _) = medium, let common else { return }
        let interfaces = medium.interfaces(among: NetworkInterface.all())
        joined.formIntersection(interfaces.map(\.index))
        for interface in interfaces where !joined.contains(interface.index) {
            if common.join(group, interface: interface.index) { joined.insert(interface.index) }
        }
    }

    /// No packet of a source is longer, nor is a frame of Ethernet.
    fileprivate static let longest = 1_500
}

/// A source that runs.
package struct OpenDiscoveryPort: Sendable {
    fileprivate let port: NIOLoopBound<DiscoveryPort>
    fileprivate let loop: any EventLoop
    fileprivate let counted: DiscoveryPort.Counted

    package func close() async {
        try? await loop.submit { port.value.close() }.get()
    }

    /// What came, and what became of it.
    package var counts: DatagramCounts { counted.counts.withLock(\.self) }
}

/// What a source tells.
package enum DiscoveryEvent: Sendable {
    case sighted(Sighting)
    case metEarlier(EarlierPeer)
    case progress(asked: Int, of: Int, found: Int)
    /// The network of an interface took nothing.
    case notSent(on: String)
}

/// Hands on what a socket received, and what of it can't be looked at.
private final class DatagramReader: ChannelInboundHandler {
    typealias InboundIn = AddressedEnvelope<ByteBuffer>

    private let isToAll: Bool
    private let receive: (Result<Datagram, DatagramFault>) -> Void

    init(isToAll: Bool, receive: @escaping (Result<Datagram, DatagramFault>) -> Void) {
        (self.isToAll, self.receive) = (isToAll, receive)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let envelope = unwrapInboundIn(data)
        // More than this was cut off on the way in.
        if envelope.data.readableBytes > DiscoveryPort.longest { return receive(.failure(.tooLong)) }
        guard let sender = Endpoint(sender: envelope.remoteAddress) else { return receive(.failure(.invalidValue)) }
        let bytes = Array(envelope.data.readableBytesView)
        receive(.success(Datagram(bytes: bytes, source: sender, isToAll: isToAll)))
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        // A datagram that could not be read; the next one may.
    }
}
