// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import MeshCore
import MeshProgram
import NIOCore

/// The options about finding devices without a signaling server.
struct DiscoveryOptions: ParsableArguments {
    @Flag(help: "Finds devices by multicast, and lets those on this machine's networks connect.")
    var multicast = false

    @Option(
        help: ArgumentHelp(
            "The group (default: \(Announcement.group), and \(Announcement.group6) for IPv6).",
            valueName: "address"
        )
    )
    var multicastGroup: IPAddressArgument?

    @Option(help: ArgumentHelp("The group's port (default: \(Announcement.port)).", valueName: "port"))
    var multicastPort: UInt16?

    @Option(
        name: .customLong("multicast-interface"),
        help: ArgumentHelp("An interface to use (default: all); may be given several times.", valueName: "name")
    )
    var multicastInterfaces: [String] = []

    @Flag(
        help:
            "Finds devices by broadcast, as Syncthing's first version did, and lets those on this machine's networks connect."
    )
    var broadcast = false

    @Option(help: ArgumentHelp("The port for that (default: \(BroadcastPacket.port)).", valueName: "port"))
    var broadcastPort: UInt16?

    @Option(
        help: ArgumentHelp(
            "How often this device says that it is there (default: 20s by multicast, 30s by broadcast).",
            valueName: "time"
        )
    )
    var announcePeriod: TimeSpan?

    @Option(
        help: ArgumentHelp(
            "Asks each address for a device that runs with --master, such as 192.168.1.0/24:8880-8885; may be given several times.",
            valueName: "range"
        )
    )
    var scan: [ScanRange] = []

    @Option(help: ArgumentHelp("How long to wait between two scans (default: 60s).", valueName: "time"))
    var scanPeriod: TimeSpan?

    @Flag(help: "Lets --scan ask addresses that are not for private use.")
    var scanPublic = false

    @Flag(help: "Answers the scans of other devices, and lets those on this machine's networks connect.")
    var master = false

    @Option(
        help: ArgumentHelp("Where --master answers (default: \(MasterSource.port)).", valueName: "port")
    )
    var udpPort: UInt16?

    @Option(
        name: .customLong("peer"),
        help: ArgumentHelp(
            "Where a device is, such as <id>@192.168.1.7:9000; may be given several times.",
            valueName: "id@address:port"
        )
    )
    var peers: [StaticPeer] = []
}

/// A device and its address as people write them: `<id>@192.168.1.7:9000`.
struct StaticPeer: ExpressibleByArgument, Equatable, Sendable {
    let id: DeviceID
    let endpoint: Endpoint

    init?(argument: String) {
        let parts = argument.split(separator: "@", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2, let id = DeviceID(parts[0]), let endpoint = Endpoint(parts[1]), endpoint.port > 0 else {
            return nil
        }
        (self.id, self.endpoint) = (id, endpoint)
    }
}

/// A device's id as an argument.
struct DeviceIDArgument: ExpressibleByArgument, Equatable, Sendable {
    let id: DeviceID

    init?(argument: String) {
        guard let id = DeviceID(argument) else { return nil }
        self.id = id
    }
}

/// An IP address as an argument.
struct IPAddressArgument: ExpressibleByArgument, Equatable, Sendable {
    let text: String

    init?(argument: String) {
        guard IPAddress(argument) != nil else { return nil }
        text = argument
    }
}

extension ScanRange: ExpressibleByArgument {
    package init?(argument: String) {
        self.init(argument)
    }
}
