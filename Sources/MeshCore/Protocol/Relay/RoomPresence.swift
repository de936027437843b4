// SPDX-License-Identifier: Apache-2.0

import SwiftProtobuf

/// Which accounts are in a room, and what has changed about that since it was last told.
package struct RoomPresence: Equatable, Sendable {
    /// How many of an account's sessions are there.
    private var sessions: [AccountName: Int] = [:]
    /// What was told of each account that has changed since: whether it is there.
    private var told: [AccountName: Bool] = [:]

    package init() {}

    package var isEmpty: Bool { sessions.isEmpty }

    /// Whether something has changed that is to be told.
    package var hasNews: Bool { !told.isEmpty }

    package mutating func entered(_ account: AccountName) {
        let count = sessions[account] ?? 0
        sessions[account] = count + 1
        if count == 0 { changed(account, wasThere: false) }
    }

    package mutating func left(_ account: AccountName) {
        guard let count = sessions[account] else { return }
        sessions[account] = count == 1 ? nil : count - 1
        if count == 1 { changed(account, wasThere: true) }
    }

    /// One that comes back before it was told to be gone was never away.
    private mutating func changed(_ account: AccountName, wasThere: Bool) {
        if told[account] == !wasThere { told[account] = nil } else { told[account] = wasThere }
    }

    /// What has changed since the last time, in as many events as frames need.
    package mutating func news(of room: RoomName) -> [RelayEvent] {
        let changes = told.sorted { $0.key.description < $1.key.description }
        told = [:]
        return stride(from: 0, to: changes.count, by: Self.namesInAFrame).map { start in
            let part = changes[start..<min(start + Self.namesInAFrame, changes.count)]
            return .presence(
                .with {
                    $0.room = room.description
                    $0.joined = part.filter { !$0.value }.map(\.key.description)
                    $0.left = part.filter(\.value).map(\.key.description)
                }
            )
        }
    }

    /// Who is there.
    package func people(in room: RoomName) -> RelayEvent {
        let names = sessions.keys.map(\.description).sorted()
        return .people(
            .with {
                $0.room = room.description
                $0.users = Array(names.prefix(Self.namesInAFrame))
                $0.omitted = UInt32(names.count - $0.users.count)
            }
        )
    }

    /// Each at its longest, and quoted, they fit into a frame.
    private static let namesInAFrame = 800
}
