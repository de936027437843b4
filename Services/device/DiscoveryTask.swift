// SPDX-License-Identifier: Apache-2.0

import Logging
import MeshCore
import MeshProgram
import NIOCore

/// Opens and closes the ways of finding devices that the configuration names.
struct DiscoveryTask: Sendable {
    /// How this device announces itself.
    struct Own: Sendable {
        let id: DeviceID
        let name: String
        let instance: UInt64
        let port: UInt16
    }

    private struct Way {
        let name: String
        let source: any DiscoverySource
        let medium: DiscoveryMedium
        /// The settings that people have to change where it can't be used; nil where the device does without.
        let settings: String?
    }

    let configuration: DiscoveryConfiguration
    let own: Own
    let inbox: Inbox
    let logger: Logger

    /// Those that are open afterwards.
    func open(on loop: any EventLoop) async throws -> [DiscoveryReport] {
        var reports: [DiscoveryReport] = []
        let missing = (configuration.multicast?.interfaces ?? []).subtracting(NetworkInterface.all().map(\.name))
        for name in missing.sorted() {
            logger.warning("There is no such interface; it is used when there is", metadata: ["interface": "\(name)"])
        }
        for way in ways {
            do {
                let port = try await DiscoveryPort.open(way.source, on: way.medium, loop: loop) {
                    inbox.put(.discovered($0))
                }
                reports.append(DiscoveryReport(name: way.name, port: port))
            } catch {
                guard let settings = way.settings else {
                    logger.info("Not used", metadata: ["way": "\(way.name)", "reason": "\(error)"])
                    continue
                }
                for report in reports { await report.port.close() }
                throw ProgramFailure(.unavailable, "\(way.name): \(error): give another with \(settings)")
            }
        }
        inbox.put(.discovering(reports))
        sightStaticPeers()
        return reports
    }

    private func sightStaticPeers() {
        for (id, peers) in Dictionary(grouping: configuration.peers, by: \.id) {
            let endpoints = peers.map(\.endpoint)
            let sighting = Sighting(id: id, endpoints: endpoints, source: .configuration, until: .distantFuture)
            inbox.put(.discovered(.sighted(sighting)))
        }
    }

    private var ways: [Way] { multicast + announcedBroadcast + broadcast + scanning }

    private var announcement: Announcement {
        var announcement = Announcement(id: own.id, port: own.port)
        (announcement.name, announcement.instance) = (own.name, own.instance)
        return announcement
    }

    private var multicast: [Way] {
        guard let announcing = configuration.multicast else { return [] }
        let groups = announcing.address.map { [$0] } ?? [Announcement.group, Announcement.group6]
        return groups.enumerated().map { index, group in
            Way(
                name: "multicast \(group)",
                source: AnnouncementSource(announcement, period: announcing.period),
                medium: .multicast(group: group, port: announcing.port, interfaces: announcing.interfaces),
                settings: index == 0 ? "--multicast-group or --multicast-port" : nil
            )
        }
    }

    private var announcedBroadcast: [Way] {
        guard let announcing = configuration.announcedBroadcast else { return [] }
        let source = AnnouncementSource(announcement, source: .broadcast, period: announcing.period)
        let medium = DiscoveryMedium.broadcast(port: announcing.port, address: announcing.address)
        return [Way(name: "announcing", source: source, medium: medium, settings: "explorer.broadcast.port")]
    }

    private var broadcast: [Way] {
        guard let broadcast = configuration.broadcast else { return [] }
        let source = BroadcastSource(ownID: own.id, port: own.port, period: broadcast.period)
        let medium = DiscoveryMedium.broadcast(port: broadcast.port, address: nil)
        return [Way(name: "broadcast", source: source, medium: medium, settings: "--broadcast-port")]
    }

    private var scanning: [Way] {
        let master = configuration.masterPort.map { port in
            let source = MasterSource(id: own.id, port: own.port, instance: own.instance)
            return Way(name: "master", source: source, medium: .unicast(port: port), settings: "--udp-port")
        }
        let scan = configuration.scan.map { scan in
            let source = ScanSource(
                ownID: own.id,
                ranges: scan.ranges,
                period: scan.period,
                generator: SystemRandomNumberGenerator()
            )
            return Way(name: "scan", source: source, medium: .unicast(port: 0), settings: "--scan")
        }
        return [master, scan].compactMap(\.self)
    }
}
