// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import SwiftProtobuf

/// What a device says of itself by multicast: the earlier p2p program's `Peer`, which it understands, and our fields.
package struct Announcement: Equatable, Sendable {
    package static let port: UInt16 = 8_001
    /// The group of the earlier program.
    package static let group = "235.5.5.11"
    /// Ours for IPv6: of one link, made up by us ("me"), not assigned by an authority (RFC 4291, section 2.7).
    package static let group6 = "ff12::6d65"

    package let id: DeviceID
    package let port: UInt16
    /// For people; neither unique nor proven.
    package var name: String?
    package var instance: UInt64?
    /// Answers another one, and is not answered itself.
    package var isAnswer = false

    package init(id: DeviceID, port: UInt16) {
        (self.id, self.port) = (id, port)
    }

    package init(parsing bytes: [UInt8]) throws(DatagramFault) {
        if bytes.isEmpty { throw .empty }
        let wire: WireAnnouncement
        do { wire = try WireAnnouncement(serializedBytes: bytes, options: options) } catch { throw .malformed }
        guard let id = DeviceID(bytes: wire.id.value), let port = UInt16(exactly: wire.port), port > 0 else {
            throw .invalidValue
        }
        (self.id, self.port, isAnswer) = (id, port, wire.isAnswer)
        instance = wire.instance == 0 ? nil : wire.instance
        if !wire.name.isEmpty {
            guard (try? wire.name.checkText(limit: PeerLimits.name)) != nil, wire.name.printable == wire.name else {
                throw .invalidValue
            }
            name = wire.name
        }
    }

    /// As it is sent from an interface with the address `host`.
    ///
    /// The earlier program dials that address; we dial the datagram's sender.
    package func bytes(from host: String) -> [UInt8] {
        let wire = WireAnnouncement.with {
            $0.id.value = .init(id.bytes)
            $0.port = Int32(port)
            $0.ip = host
            $0.name = name ?? ""
            $0.instance = instance ?? 0
            $0.isAnswer = isAnswer
        }
        // Encoding fails only for a required field that is missing, which proto3 has not.
        return (try? wire.serializedBytes()) ?? []
    }
}

/// A peer of the earlier p2p program as it announces itself: by a UUID that no key can prove.
package struct EarlierPeer: Hashable, Sendable {
    /// In lower case.
    package let id: String

    /// Nil for what is no announcement of one.
    package init?(announcedIn bytes: [UInt8]) {
        guard let wire = try? WireAnnouncement(serializedBytes: bytes, options: options), wire.id.value.count == 16,
            DeviceID(bytes: wire.id.value) == nil, (1...65_535).contains(wire.port)
        else { return nil }
        let digits = wire.id.value.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }
        id = [0..<4, 4..<6, 6..<8, 8..<10, 10..<16].map { digits[$0].joined() }.joined(separator: "-")
    }
}

private let options: BinaryDecodingOptions = {
    var options = BinaryDecodingOptions()
    options.messageDepthLimit = 4
    options.discardUnknownFields = true
    return options
}()
