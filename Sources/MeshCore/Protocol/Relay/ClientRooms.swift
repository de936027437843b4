// SPDX-License-Identifier: Apache-2.0

import SwiftProtobuf

/// The rooms that a client is in, how far it was shown each of them, and in which one it talks.
struct ClientRooms: Equatable, Sendable {
    private struct Place: Equatable {
        /// Names the log that the numbers are of.
        let log: UInt64
        /// Behind which the client wants to go on as long as it was shown nothing.
        let start: UInt64
        /// The newest message that was shown or is known to be missing; 0 for none.
        var seen: UInt64 = 0
        /// The oldest one that was shown; 0 for none.
        var oldest: UInt64 = 0

        init(_ head: WirePosition) {
            log = head.log
            start = head.sequence - min(head.sequence, ClientRooms.historyAtFirst)
        }
    }

    /// Where what is typed is said: a room, or someone's inbox.
    var current = RoomName.lobby
    private var places: [String: Place] = [:]

    /// Of a connection that broke before any of a room's history had come, so many messages are asked for again.
    private static let historyAtFirst: UInt64 = 1_000
    /// For the positions of a login, in bytes: with name and ticket it stays within what a relay takes before one.
    private static let positionsSize = 2_600

    /// Where the client is in each room, for its login.
    ///
    /// Of very many rooms with long names some are left out: the relay does not take the client back into these, and
    /// the person is told.
    var positions: [WirePosition] {
        var size = 0
        return places.sorted { ($0.key.isForEveryone ? 0 : 1, $0.key) < ($1.key.isForEveryone ? 0 : 1, $1.key) }
            .map { name, place in
                WirePosition.with {
                    ($0.room, $0.log, $0.sequence) = (name, place.log, place.seen > 0 ? place.seen : place.start)
                }
            }
            .prefix { position in
                size += position.room.utf8.count + 26
                return size <= Self.positionsSize
            }
    }

    /// The relay has let the client in, into these rooms.
    mutating func welcomed(_ heads: [WirePosition]) -> [RelayClient.Line] {
        var hasLostLog = false
        for head in heads {
            if let place = places[head.room], place.log != head.log { hasLostLog = true }
            joined(head)
        }
        let missing = Set(places.keys).subtracting(heads.map(\.room)).sorted()
        for room in missing { places[room] = nil }
        return (hasLostLog ? [.logLost] : []) + missing.map { .shutOut(room: $0) }
    }

    /// The client is in a room, or in it still.
    mutating func joined(_ head: WirePosition) {
        if places[head.room]?.log != head.log { places[head.room] = Place(head) }
    }

    mutating func left(_ room: String) {
        places[room] = nil
    }

    /// A message came; nil for one that was shown before.
    mutating func received(_ message: WireMessage) -> RelayClient.Line? {
        guard let place = places[message.room] else { return .message(message) }
        if message.sequence <= place.seen { return nil }
        places[message.room]?.seen = message.sequence
        if place.oldest == 0 { places[message.room]?.oldest = message.sequence }
        return .message(message)
    }

    /// A message of the client's own has its place; it stands on the screen since it was typed.
    mutating func accepted(_ acceptance: WireAccepted) {
        if places[acceptance.room]?.oldest == 0 { places[acceptance.room]?.oldest = acceptance.sequence }
    }

    /// Messages are missing; nil for those that were told before.
    mutating func received(_ gap: WireGap) -> RelayClient.Line? {
        guard let place = places[gap.room] else { return .gap(gap) }
        if gap.last <= place.seen { return nil }
        places[gap.room]?.seen = gap.last
        return .gap(gap)
    }

    mutating func received(_ page: WirePage) {
        guard let first = page.messages.first, let place = places[page.room] else { return }
        if place.oldest == 0 || first.sequence < place.oldest { places[page.room]?.oldest = first.sequence }
    }

    /// The oldest message of a room that was shown; 0 for none.
    func oldestShown(in room: String) -> UInt64 { places[room]?.oldest ?? 0 }
}

extension String {
    /// Whether the relay lets a client into the room unasked.
    fileprivate var isForEveryone: Bool { self == RoomName.lobby.description || hasPrefix("@") }
}
