// SPDX-License-Identifier: Apache-2.0

import MeshCore
import MeshProgram
import NIOCore

/// Which ways of finding devices without a server are used, and how.
struct DiscoveryConfiguration: Equatable, Sendable {
    /// A group, or everybody, that is told of this device in the form of the earlier p2p program.
    struct Announcing: Equatable {
        /// Nil for the usual ones.
        var address: String?
        var port = Announcement.port
        /// None stand for all.
        var interfaces: Set<String> = []
        var period = AnnouncementSource.period
    }

    struct Scan: Equatable {
        let ranges: [ScanRange]
        let period: TimeAmount
    }

    private(set) var multicast: Announcing?
    /// Of the p2p program: its announcements to everybody.
    private(set) var announcedBroadcast: Announcing?
    /// Syncthing's packets; the port and the period.
    private(set) var broadcast: (port: UInt16, period: TimeAmount)?
    private(set) var scan: Scan?
    /// Where the probes of others are answered.
    private(set) var masterPort: UInt16?
    private(set) var peers: [StaticPeer] = []

    /// Reads the settings; `node` is what a `.env` file says, which counts less than all else.
    init(_ options: DiscoveryOptions, node: NodeFile?, from settings: inout Settings) {
        readAnnouncing(options, from: &settings)
        if settings.value("broadcast", flag: options.broadcast ? true : nil, default: false) {
            let port = settings.value("broadcast-port", flag: options.broadcastPort, default: BroadcastPacket.port)
            let period = settings.value(
                "announce-period",
                flag: options.announcePeriod,
                default: TimeSpan(BroadcastSource.period)
            )
            broadcast = (port, Self.checked(period, "announce-period", &settings))
        }
        readScan(options, node, from: &settings)
        peers = settings.values("peers", flags: options.peers)
    }

    /// Whether any way is used: then the server is not needed.
    var isUsed: Bool { isOnNetwork || !peers.isEmpty }

    /// Whether devices on the networks of this machine are looked for, or may look for this one.
    var isOnNetwork: Bool {
        multicast != nil || announcedBroadcast != nil || broadcast != nil || scan != nil || masterPort != nil
    }

    static func == (left: Self, right: Self) -> Bool {
        left.multicast == right.multicast && left.announcedBroadcast == right.announcedBroadcast
            && left.broadcast?.port == right.broadcast?.port && left.broadcast?.period == right.broadcast?.period
            && left.scan == right.scan && left.masterPort == right.masterPort && left.peers == right.peers
    }
}

extension DiscoveryConfiguration {
    /// The p2p program's keys: that there is one is enough.
    private mutating func readAnnouncing(_ options: DiscoveryOptions, from settings: inout Settings) {
        let address = settings.value("explorer.multicast.address", flag: options.multicastGroup)
        let port: UInt16? = settings.value("explorer.multicast.port", flag: options.multicastPort)
        let interfaces = settings.values("explorer.multicast.interface-name", flags: options.multicastInterfaces)
        let explorerPeriod = settings.value("explorer.period", flag: options.announcePeriod)
        let period = explorerPeriod ?? TimeSpan(AnnouncementSource.period)
        let amount = Self.checked(period, "explorer.period", &settings)
        let isAsked = settings.value("multicast", flag: options.multicast ? true : nil, default: false)
        if isAsked || address != nil || port != nil || !interfaces.isEmpty {
            multicast = Announcing(
                address: address?.text,
                port: port ?? Announcement.port,
                interfaces: Set(interfaces),
                period: amount
            )
        }
        let everybody: IPAddressArgument? = settings.value("explorer.broadcast.address", flag: nil)
        let everybodyPort: UInt16? = settings.value("explorer.broadcast.port", flag: nil)
        if everybody != nil || everybodyPort != nil {
            let isAll = everybody?.text == "255.255.255.255"
            announcedBroadcast = Announcing(
                address: isAll ? nil : everybody?.text,
                port: everybodyPort ?? Announcement.port,
                period: amount
            )
        }
    }

    private mutating func readScan(_ options: DiscoveryOptions, _ node: NodeFile?, from settings: inout Settings) {
        let udpPort = settings.value("udp-port", flag: options.udpPort) ?? node?.udpPort ?? MasterSource.port
        let isMaster = settings.value("master", flag: options.master ? true : nil) ?? node?.isMaster ?? false
        if isMaster { masterPort = udpPort }
        var ranges = settings.values("scan", flags: options.scan)
        // The earlier program scans its own network where it is not the master.
        if ranges.isEmpty, let node, !isMaster { ranges = Self.ownNetworks(port: node.udpPort) }
        if ranges.isEmpty { return }
        let mayBePublic = settings.value("scan-public", flag: options.scanPublic ? true : nil, default: false)
        if !mayBePublic, !ranges.allSatisfy(\.isPrivate) {
            settings.fault("scan names addresses that are not for private use: --scan-public lets it ask them")
        }
        if ranges.reduce(0, { $0 + $1.count }) > Self.largestScan {
            settings.fault("scan names more than \(Self.largestScan) addresses and ports: narrow it")
        }
        let period = settings.value("scan-period", flag: options.scanPeriod, default: TimeSpan(.seconds(60)))
        scan = Scan(ranges: ranges, period: Self.checked(period, "scan-period", &settings))
    }

    /// The 256 addresses around each of this machine's.
    private static func ownNetworks(port: UInt16) -> [ScanRange] {
        NetworkInterface.all().filter { !$0.isIPv6 && !$0.isLoopback }.compactMap {
            ScanRange("\($0.address)/24:\(port)-\(UInt16(clamping: Int(port) + 5))")
        }.filter(\.isPrivate)
    }

    private static func checked(_ span: TimeSpan, _ name: String, _ settings: inout Settings) -> TimeAmount {
        if !(TimeAmount.milliseconds(200)...TimeAmount.hours(1)).contains(span.amount) {
            settings.fault("\(name) must be from 200ms to 60m")
        }
        return span.amount
    }

    /// At 500 a second, nearly nine minutes.
    private static let largestScan = 262_144
}
