// SPDX-License-Identifier: Apache-2.0

package import FoundationEssentials
package import NIOCore
import SwiftProtobuf

/// A replica of the mesh's key-value store, and how it becomes the same as the others.
///
/// Each write has a moment of a hybrid logical clock; the latest wins, of two at the same moment the one of the higher id.
/// A write goes to all peers at once. What that misses, digests show: who learns that a peer has more asks that one, and
/// gets exactly what it lacks.
///
/// ```
/// one                                the other
/// digest: what I have           ↔    digest                    when they meet, and a while after changes
/// request: what I have          →
///                               ←    answer: what you lack, and through which version that goes
/// push: a write                 →
/// ```
///
/// Holes in a writer's sequences are entries that others replaced. So a version is only raised when the whole answer is
/// there, or by a push that is the next.
package struct Replica<Storage: EntryStorage> {
    package enum Action: Equatable, Sendable {
        case send(WirePeerMessage.OneOf_Body, to: DeviceID)
        /// The key has this value now.
        case changed(StoreEntry)
        /// Replaces the timer that was set before.
        case setTimer(NIODeadline)
    }

    /// A request that was sent and not answered to its end.
    struct Request: Equatable {
        let peer: DeviceID
        let number: UInt64
        /// How far the answer goes, once it is complete; the first part of the answer says it.
        var through: VersionVector?
        var until: NIODeadline
    }

    let ownID: DeviceID
    let timing: StoreTiming
    package internal(set) var storage: Storage
    package internal(set) var versions: VersionVector
    var clock: HybridClock
    /// The other devices that have a replica, and what they had when they last said so.
    ///
    /// Beside those that the storage knows, peers for which there was no room any more, while they are here.
    var replicas: [DeviceID: VersionVector] = [:]
    var visitors: Set<DeviceID> = []
    var peers: Set<DeviceID> = []
    var request: Request?
    var lastNumber: UInt64 = 0
    /// Peers that have let a request go unanswered: others are asked before them.
    var slow: Set<DeviceID> = []
    /// There is something to tell the peers at this time.
    var digestDue: NIODeadline?
    var lastDigest: NIODeadline?
    var timer: NIODeadline?
    /// Up to where each writer's tombstones have been let go.
    var buried = VersionVector()

    package init(ownID: DeviceID, storage: Storage, timing: StoreTiming = StoreTiming()) throws {
        (self.ownID, self.storage, self.timing) = (ownID, storage, timing)
        let stored = try storage.load()
        versions = stored.versions
        clock = HybridClock(latest: stored.latest)
        for id in stored.replicas { replicas[id] = VersionVector() }
    }
}

/// When a replica speaks by itself.
package struct StoreTiming: Equatable, Sendable {
    /// How long after a change the peers are told what is here, and how often at most.
    package var digest = TimeAmount.seconds(1)
    /// How long an answer is waited for before another peer is asked.
    package var request = TimeAmount.seconds(5)

    package init() {}
}

// What the owner of the replica does.
extension Replica {
    package func value(of key: StoreKey) throws -> Data? { try storage.entry(of: key)?.value }

    /// Sets a key; with nil, deletes it.
    ///
    /// When it returns the storage has it. Nothing happens where a key is deleted that has no value.
    package mutating func write(_ value: Data?, to key: StoreKey, at now: Moment) throws -> [Action] {
        if let value { try StoreEntry.check(value: value) }
        let old = try storage.entry(of: key)
        if value == nil, old?.value == nil { return [] }
        guard versions.versions.count < StoreLimits.writers || versions[ownID] > 0 else {
            throw StoreViolation.tooManyWriters
        }
        let sequence = versions[ownID] + 1
        var clock = clock
        let entry = StoreEntry(
            key: key,
            value: value,
            time: clock.next(milliseconds: now.milliseconds),
            writer: ownID,
            sequence: sequence
        )
        var change = StoreChange()
        (change.entries, change.versions) = ([entry], [ownID: sequence])
        try storage.apply(change)
        self.clock = clock
        versions.raise(ownID, to: sequence)
        let push = WirePeerMessage.OneOf_Body.storePush(.with { $0.writers = [entry].grouped })
        return [.changed(entry)] + peers.sorted().map { .send(push, to: $0) } + owesDigest(at: now.deadline)
    }
}

// What happens with peers.
extension Replica {
    /// A session with a peer is up.
    package mutating func opened(_ peer: DeviceID, at now: Moment) throws -> [Action] {
        peers.insert(peer)
        try know([peer])
        if replicas[peer] == nil {
            visitors.insert(peer)
            replicas[peer] = VersionVector()
        }
        return [.send(.storeDigest(digest), to: peer)]
    }

    package mutating func closed(_ peer: DeviceID, at now: Moment) throws -> [Action] {
        peers.remove(peer)
        slow.remove(peer)
        if visitors.remove(peer) != nil { replicas[peer] = nil }
        if request?.peer == peer { request = nil }
        return ask(at: now.deadline)
    }

    package mutating func received(_ digest: WireStoreDigest, from peer: DeviceID, at now: Moment) throws -> [Action] {
        guard peers.contains(peer) else { return [] }
        let theirs = try believed(VersionVector(digest.versions))
        try know(Self.ids(digest.replicas))
        replicas[peer] = theirs
        try buryTombstones()
        return ask(at: now.deadline)
    }

    package mutating func received(_ request: WireStoreRequest, from peer: DeviceID) throws -> [Action] {
        guard peers.contains(peer) else { return [] }
        let theirs = try VersionVector(request.versions)
        var answer = WireStoreAnswer()
        let place = request.hasAfter ? request.after : nil
        if place == nil { answer.through = versions.wire }
        let missing = try entries(lackedBy: theirs, after: place)
        answer.writers = missing.entries.grouped
        answer.number = request.number
        if let next = missing.next { answer.next = next }
        return [.send(.storeAnswer(answer), to: peer)]
    }

    package mutating func received(_ answer: WireStoreAnswer, from peer: DeviceID, at now: Moment) throws -> [Action] {
        // One that came too late: it has been asked for again.
        guard var request, request.peer == peer, request.number == answer.number else { return [] }
        let isFirst = request.through == nil
        let through = try isFirst ? believed(VersionVector(answer.through)) : request.through
        request.through = through
        request.until = now.deadline + timing.request
        let entries = try [StoreEntry](answer.writers)
        let isComplete = !answer.hasNext
        var raised = VersionVector()
        if isComplete, let through { raised = through }
        let changed = try take(entries, raising: raised, at: now)
        if isComplete {
            self.request = nil
            slow.remove(peer)
            // Whatever it said before: it has no more to give.
            replicas[peer] = through
            return changed.map(Action.changed) + owesDigest(at: now.deadline) + ask(at: now.deadline)
        }
        self.request = request
        let next = WireStoreRequest.with {
            ($0.versions, $0.after, $0.number) = (versions.wire, answer.next, request.number)
        }
        return changed.map(Action.changed) + [.send(.storeRequest(next), to: peer)] + schedule()
    }

    package mutating func received(_ push: WireStorePush, from peer: DeviceID, at now: Moment) throws -> [Action] {
        guard peers.contains(peer) else { return [] }
        let entries = try [StoreEntry](push.writers)
        var raised = VersionVector()
        for entry in entries {
            let version = max(versions[entry.writer], raised[entry.writer])
            // What comes before it is missing: then the peer is asked for that.
            if entry.sequence == version + 1 { raised.raise(entry.writer, to: entry.sequence) }
            replicas[peer]?.raise(entry.writer, to: entry.sequence)
        }
        let changed = try take(entries, raising: raised, at: now)
        return changed.map(Action.changed) + owesDigest(at: now.deadline) + ask(at: now.deadline)
    }

    package mutating func timerFired(at now: Moment) throws -> [Action] {
        timer = nil
        var actions: [Action] = []
        if let digestDue, digestDue <= now.deadline {
            self.digestDue = nil
            lastDigest = now.deadline
            try buryTombstones()
            let digest = digest
            actions = peers.sorted().map { .send(.storeDigest(digest), to: $0) }
        }
        if let request, request.until <= now.deadline {
            slow.insert(request.peer)
            self.request = nil
        }
        return actions + ask(at: now.deadline)
    }
}

extension Replica {
    /// The time of both clocks: one that only goes on, and one that says what time it is, in milliseconds since 1970.
    package struct Moment: Equatable, Sendable {
        package let deadline: NIODeadline
        package let milliseconds: UInt64

        package init(deadline: NIODeadline, milliseconds: UInt64) {
            (self.deadline, self.milliseconds) = (deadline, milliseconds)
        }
    }
}
