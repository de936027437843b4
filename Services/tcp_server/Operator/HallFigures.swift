// SPDX-License-Identifier: Apache-2.0

import Logging
import MeshCore
import SwiftProtobuf

extension Relay.Hall {
    func roomFigures() -> [RoomFigures] {
        surroundings.rooms.all.map { room in
            RoomFigures(
                room: room.name.description,
                first: room.log.first,
                last: room.log.head,
                people: Set(room.readers.map(\.account)).count,
                clients: room.readers.count,
                memory: room.log.size
            )
        }
    }

    /// Those who are logged in, by name.
    func clientFigures() -> [ClientFigures] {
        surroundings.sessions.all.compactMap(\.figures).sorted { ($0.user, $0.since) < ($1.user, $1.since) }
    }

    /// Those of them who are in a room; nil if there is no such room.
    func clientFigures(in name: String) -> [ClientFigures]? {
        guard let name = RoomName(name), surroundings.rooms.existing(name) != nil else { return nil }
        return clientFigures().filter { $0.rooms.contains(name.description) }
    }

    /// Part of a room's log; nil if there is no such room.
    func page(_ request: HistoryRequest, _ answer: @escaping (WirePage?) -> Void) {
        guard surroundings.rooms.existing(request.room) != nil else { return answer(nil) }
        surroundings.rooms.page(request) { event in
            guard case .page(let page) = event else { return answer(nil) }
            answer(page)
        }
    }

    /// Ends the sessions of an account, and gives their number.
    func kick(_ account: AccountName) -> Int {
        let connections = surroundings.sessions.connections(of: account).values
        for connection in connections { connection.kick() }
        logger.notice("an operator ended the sessions of an account", metadata: ["user": "\(account)"])
        return connections.count
    }
}
