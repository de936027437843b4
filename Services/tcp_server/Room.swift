// SPDX-License-Identifier: Apache-2.0

import Foundation
import MeshCore
import NIOCore
import SwiftProtobuf

/// The room that everyone is in, and who is in it.
///
/// Belongs to one event loop, like all its connections.
///
/// What is published in one turn of the loop is one batch: it is sealed, stored, acknowledged and shown to the readers
/// together, at the end of the turn. A store that keeps batches on disk takes its place in ``commit()``.
final class Room {
    private let loop: any EventLoop
    private var log: RoomLog
    private var published: PublishedMessages
    /// The accounts that were ever here; their number is bounded by the password file.
    private var members: [AccountName: Member] = [:]
    private var present: [AccountName: (session: String, connection: RelayConnection)] = [:]
    private var waitingForCommit: [(connection: RelayConnection, accepted: WireAccepted)] = []
    private var isCommitScheduled = false

    init(loop: any EventLoop, retention: RoomLog.Retention) {
        self.loop = loop
        log = RoomLog(id: .random(in: 1 ... .max), room: lobby, retention: retention)
        published = PublishedMessages(limit: 100_000)
    }

    var connections: [RelayConnection] { present.values.map(\.connection) }

    /// Lets `connection` in as `name`, and says where it begins to read; nil while the account has another session.
    ///
    /// A connection that the same session had before is ended.
    func enter(
        _ connection: RelayConnection,
        as name: AccountName,
        session: String,
        positions: [WirePosition]
    ) -> (member: Member, cursor: Cursor, head: WirePosition)? {
        if let other = present[name] {
            guard !session.isEmpty, session == other.session else { return nil }
            other.connection.replace()
        }
        let member = members[name] ?? Member(number: members.count, name: name)
        members[name] = member
        present[name] = (session, connection)
        let known = positions.first { $0.room == lobby && $0.log == log.id }
        let cursor = known.map { log.resume(after: $0.sequence, member: member) } ?? log.start(of: member)
        let head = WirePosition.with { ($0.room, $0.log, $0.sequence) = (lobby, log.id, log.head) }
        return (member, cursor, head)
    }

    func leave(_ connection: RelayConnection, _ member: Member) {
        guard let occupant = present[member.name], occupant.connection === connection else { return }
        present[member.name] = nil
    }

    /// Appends a message; it is acknowledged when it is stored.
    ///
    /// The same id from the same account gets the sequence that it got before.
    func publish(_ publish: WirePublish, by member: Member, from connection: RelayConnection) {
        var accepted = WireAccepted.with {
            $0.clientMessageID = publish.clientMessageID
            $0.room = lobby
            $0.level = .relayed
        }
        if let sequence = published.sequence(of: publish.clientMessageID, by: member.number) {
            accepted.sequence = sequence
        } else {
            accepted.sequence = log.append(publish.text, by: member, at: MessageTime(date: .now))
            published.published(publish.clientMessageID, by: member.number, as: accepted.sequence)
        }
        waitingForCommit.append((connection, accepted))
        guard !isCommitScheduled else { return }
        isCommitScheduled = true
        loop.assumeIsolated().execute { self.settle() }
    }

    /// Commits at once what was published in this turn, so that it can be acknowledged before a good-bye.
    func settle() {
        if isCommitScheduled { commit() }
    }

    /// What comes at `cursor`; nil at the head.
    func read(_ cursor: inout Cursor, in dialect: Dialect, limit: Int) -> Delivery? {
        log.read(&cursor, in: dialect, limit: limit)
    }

    private func commit() {
        isCommitScheduled = false
        let hasNews = log.seal()
        let accepted = waitingForCommit
        waitingForCommit = []
        for (connection, accepted) in accepted { connection.accepted(accepted) }
        if hasNews {
            for occupant in present.values { occupant.connection.pump() }
        }
        // Those that published a message again, or left meanwhile.
        for (connection, _) in accepted { connection.pump() }
    }
}
