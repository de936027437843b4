// SPDX-License-Identifier: Apache-2.0

import Foundation
import MeshCore
import MeshProgram
import NIOCore

/// What `peers` tells of a device.
struct PeerRow {
    private let id: DeviceID
    private let now: NIODeadline
    var device: KnownDevice?
    var life: MemberState?
    var session: Agent.Session?
    var peer: Agent.Peer?

    init(id: DeviceID, at now: NIODeadline) {
        (self.id, self.now) = (id, now)
    }

    static func table(_ rows: [PeerRow]) -> String {
        var table = TextTable([
            "STATE", "ID", "NAME", "PATH", "ROUND TRIP", "SENT", "RECEIVED", "SINCE", "LAST SEEN",
        ])
        for row in rows {
            table.add([
                row.state, row.id.short, row.name.printable, row.path ?? "-",
                row.peer?.link.traffic.roundTrip.map(Wording.roundTrip) ?? "-",
                row.peer.map { Wording.bytes($0.link.traffic.sent) } ?? "-",
                row.peer.map { Wording.bytes($0.link.traffic.received) } ?? "-",
                row.peer.map { "\((row.now - $0.since).wholeSeconds) ago" } ?? "-",
                row.peer != nil ? "now" : row.lastSeen.map { "\($0.wholeSeconds) ago" } ?? "-",
            ])
        }
        return table.text
    }

    var json: JSON {
        var members: [String: JSON] = [
            "id": .string(id.description), "name": .string(name), "state": .string(state),
        ]
        members["path"] = path.map(JSON.string)
        members["round_trip_us"] = (peer?.link.traffic.roundTrip).map { .integer(Int($0.nanoseconds / 1_000)) }
        members["sent_bytes"] = (peer?.link.traffic.sent).map(JSON.integer)
        members["received_bytes"] = (peer?.link.traffic.received).map(JSON.integer)
        members["connected_for_s"] = peer.map {
            .integer(Int((now - $0.since).nanoseconds / 1_000_000_000))
        }
        members["last_seen_s_ago"] =
            peer != nil ? .integer(0) : lastSeen.map { .integer(Int($0.nanoseconds / 1_000_000_000)) }
        members["kept_texts"] = (session?.machine.pending).map(JSON.integer)
        return .object(members)
    }

    /// Of a device that was only met before, the table knows nothing.
    private var name: String { Agent.name(of: id, seen: device?.name, met: session?.name) }

    private var state: String {
        switch life {
        case .suspect: "suspect"
        case .dead: "dead"
        case .alive, nil: device?.state ?? "gone"
        }
    }

    private var path: String? {
        peer.map { "direct, \($0.link.facts.direction == .inbound ? "from" : "to") \($0.link.address)" }
    }

    private var lastSeen: TimeAmount? {
        guard let seen = session?.lastSeen, seen > 0 else { return nil }
        return .seconds(max(0, Int64(Date().timeIntervalSince1970) - seen))
    }
}
