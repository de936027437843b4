// SPDX-License-Identifier: Apache-2.0

import Foundation
import Logging
import MeshCore
import NIOCore

extension RelayConnection {
    func verify(_ credentials: RelaySession.Credentials) {
        guard let context else { return }
        visit.checkStarted()
        let verdict = surroundings.authenticator.verify(
            credentials,
            from: context.remoteAddress,
            on: context.eventLoop
        )
        verdict.assumeIsolated().whenSuccess { verdict in
            self.perform(self.session.verified(verdict))
            self.pumpAll()
            self.process()
        }
    }

    func enter(_ name: AccountName, _ entrance: RelaySession.Entrance) {
        let session = entrance.session.isEmpty ? UUID().uuidString : entrance.session
        guard surroundings.sessions.enter(self, as: name, session: session) else {
            return perform(self.session.entered(.tooManyClients))
        }
        let isLines = dialect == .lines
        occupant = Occupant(
            since: .now,
            author: Author(account: name, sessionNamed: session),
            session: session,
            wantsPresence: isLines ? surroundings.tellsLinesPresence : entrance.wantsPresence,
            meter: surroundings.meters.meter(of: name)
        )
        let others = entrance.positions.compactMap { RoomName($0.room) }.filter { $0 != .lobby && $0.owner == nil }
        for room in [.lobby, .inbox(of: name)] + others.prefix(surroundings.rooms.limits.roomsPerClient) {
            let position = entrance.positions.first { $0.room == room.description }
            _ = enter(room, at: position)
        }
        let ticket =
            isLines ? nil : surroundings.authenticator.tickets.issue(name, session: session, seal: entrance.seal)
        let heads = readers.map(\.room.head)
        perform(self.session.entered(.admitted(.init(session: session, heads: heads, ticket: ticket))))
        flush()
        logger.info("logged in", metadata: ["user": "\(name)", "dialect": "\(dialect)"])
    }

    func leave() {
        let (left, occupant) = (readers, self.occupant)
        (readers, self.occupant) = ([], nil)
        for reader in left {
            reader.connection = nil
            surroundings.rooms.leave(reader)
        }
        guard let occupant else { return }
        surroundings.sessions.leave(self, occupant.author.account, session: occupant.session)
    }

    func startLoginDeadline() {
        guard let context else { return }
        loginDeadline?.cancel()
        loginDeadline = context.eventLoop.assumeIsolated().scheduleTask(deadline: visit.deadline) {
            self.perform(self.session.loginDeadlinePassed())
            self.flush()
        }
    }
}

/// Who a connection is of, once it has logged in.
struct Occupant {
    let since: Date
    let author: Author
    let session: String
    let wantsPresence: Bool
    /// Nil where nobody is held to a rate.
    let meter: PublishMeter?
}
