// SPDX-License-Identifier: Apache-2.0

package import NIOCore

/// Finds devices as Syncthing's first version did: a packet to everybody at once and every 30 s.
package struct BroadcastSource: DiscoverySource {
    package static let period = TimeAmount.seconds(30)

    private let ownID: DeviceID
    private let packet: [UInt8]
    private var newcomers: Newcomers
    private var limiter = RateLimiter(perHost: 20, overall: 500)
    package private(set) var counts = DatagramCounts()

    /// Announces `port`, at which `ownID` is reached by TCP.
    package init(ownID: DeviceID, port: UInt16, period: TimeAmount = Self.period) {
        self.ownID = ownID
        packet = BroadcastPacket(port: port, node: ownID.description).bytes
        newcomers = Newcomers(period: period)
    }

    package func announcement(from host: String) -> [UInt8] { packet }

    package mutating func started(at now: NIODeadline) -> [DiscoveryAction] { announceIfDue(at: now) }

    package mutating func timerFired(at now: NIODeadline) -> [DiscoveryAction] { announceIfDue(at: now) }

    package mutating func received(_ datagram: Datagram, at now: NIODeadline) -> [DiscoveryAction] {
        do {
            let sighting = try sighting(in: datagram, at: now)
            counts.accept()
            _ = newcomers.hears(sighting.id, at: now)
            return [.sighted(sighting)] + announceIfDue(at: now)
        } catch {
            counts.skip(error)
            return []
        }
    }

    private mutating func sighting(in datagram: Datagram, at now: NIODeadline) throws(DatagramFault) -> Sighting {
        guard limiter.allows(datagram.source.host, at: now) else { throw .tooMany }
        let packet = try BroadcastPacket(parsing: datagram.bytes)
        // Of the devices of Syncthing there is no key that would prove an id of ours.
        guard let id = DeviceID(packet.node),
            let endpoint = Endpoint(host: datagram.source.host, port: packet.port)
        else { throw .invalidValue }
        guard id != ownID else { throw .own }
        return Sighting(id: id, endpoints: [endpoint], source: .broadcast, until: newcomers.lifetime(from: now))
    }

    private mutating func announceIfDue(at now: NIODeadline) -> [DiscoveryAction] {
        let isDue = newcomers.announces(at: now)
        return (isDue ? [.announce] : []) + (newcomers.due.map { [.setTimer($0)] } ?? [])
    }
}
