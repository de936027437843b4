// SPDX-License-Identifier: Apache-2.0

import MeshCore
import NIOCore

/// Whatever is taken for a packet of Syncthing's first version is within what came, and sent as something that is taken
/// for the same.
func fuzzBroadcastPackets(_ input: [UInt8]) {
    guard let packet = try? BroadcastPacket(parsing: input) else { return }
    require(packet.port > 0 && packet.node.utf8.count <= input.count - 8, "\(packet) is more than came")
    require(packet.node.printable == packet.node, "\(packet) steers terminals")
    require((try? BroadcastPacket(parsing: packet.bytes)) == packet, "\(packet) is not read as it was written")
}

/// The same for what is said by multicast.
func fuzzAnnouncements(_ input: [UInt8]) {
    guard let announcement = try? Announcement(parsing: input) else { return }
    require(announcement.port > 0, "Port 0 was let pass")
    require(announcement.name.map { $0.printable == $0 } ?? true, "\(announcement) steers terminals")
    let again = try? Announcement(parsing: announcement.bytes(from: "192.0.2.1"))
    require(again == announcement, "\(announcement) is not read as it was written")
}

/// The same for the packets of a scan, and of the ranges that people type.
func fuzzScans(_ input: [UInt8]) {
    if let probe = try? ScanProbe(parsing: input) {
        require((try? ScanProbe(parsing: probe.bytes)) == probe, "\(probe) is not read as it was written")
    }
    if let answer = try? ScanAnswer(parsing: input) {
        require(answer.bytes == input, "\(answer) has two forms")
    }
    if let range = ScanRange(String(decoding: input, as: UTF8.self)) {
        require(range.count > 0, "\(range) is empty")
        _ = range.isPrivate
    }
    if let address = IPAddress(String(decoding: input, as: UTF8.self)) {
        require([4, 16].contains(address.bytes.count), "\(address) is no address")
        _ = (address.isPrivate, address.leadingOnes)
    }
}

/// A discovery source that is sent whatever there is: it says what it always says, and sends no more than it was sent.
///
/// The first letter is the source, the rest datagrams, each after a byte with its length.
func fuzzSources(_ input: [UInt8]) {
    guard let id = DeviceID("0a000000-0000-8000-8000-000000000000"),
        let sender = Endpoint(host: "192.0.2.7", port: 4_000)
    else { return }
    var source: any DiscoverySource
    switch input.first {
    case UInt8(ascii: "b"): source = BroadcastSource(ownID: id, port: 9_000)
    case UInt8(ascii: "m"): source = MasterSource(id: id, port: 9_000, instance: 1)
    default: source = AnnouncementSource(Announcement(id: id, port: 9_000))
    }
    var now = NIODeadline.uptimeNanoseconds(1_000_000_000)
    var rest = input.dropFirst()
    _ = source.started(at: now)
    while let length = rest.popFirst() {
        let bytes = Array(rest.prefix(Int(length)))
        rest = rest.dropFirst(Int(length))
        now = now + .milliseconds(100)
        let datagram = Datagram(bytes: bytes, source: sender, isToAll: true)
        for action in source.received(datagram, at: now) {
            if case .sighted(let sighting) = action {
                require(sighting.id != id && sighting.endpoints.allSatisfy { $0.port > 0 }, "\(sighting) is nobody's")
                require(sighting.endpoints.allSatisfy { $0.host == sender.host }, "\(sighting) points elsewhere")
            }
            if case .send(let answer, let target) = action {
                require(target == sender, "The answer goes to another than asked")
                require(answer.count <= max(bytes.count, 64), "The answer is longer than what it answers")
            }
        }
    }
}
