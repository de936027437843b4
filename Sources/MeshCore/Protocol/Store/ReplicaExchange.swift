// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import NIOCore
import SwiftProtobuf

// What the machine makes of it.
extension Replica {
    var digest: WireStoreDigest {
        .with {
            $0.versions = versions.wire
            $0.replicas = replicas.keys.filter { !visitors.contains($0) }.sorted().map(\.wire)
        }
    }

    /// What another says of this device's own writes may tell of some that a lost disk has forgotten; but not of so many
    /// that no number is left for the next.
    func believed(_ theirs: VersionVector) -> VersionVector {
        guard theirs[ownID] > UInt64(Int64.max) / 2 else { return theirs }
        var believed = theirs
        believed.lower(ownID, to: versions[ownID])
        return believed
    }

    static func ids(_ wire: [Data]) throws(StoreViolation) -> [DeviceID] {
        guard wire.count <= StoreLimits.writers else { throw .tooManyWriters }
        var ids: [DeviceID] = []
        for bytes in wire {
            guard let id = DeviceID(bytes: bytes) else { throw .malformed }
            ids.append(id)
        }
        return ids
    }

    /// Tombstones wait for these devices.
    mutating func know(_ ids: [DeviceID]) throws {
        let room = StoreLimits.writers - (replicas.count - visitors.count)
        let strangers = ids.filter { $0 != ownID && replicas[$0] == nil }.prefix(max(0, room))
        if strangers.isEmpty { return }
        var change = StoreChange()
        change.replicas = Array(strangers)
        try storage.apply(change)
        for id in strangers { replicas[id] = VersionVector() }
    }

    /// Keeps those of the entries that win.
    mutating func take(_ entries: [StoreEntry], raising: VersionVector, at now: Moment) throws -> [StoreEntry] {
        var (clock, winners) = (clock, [StoreKey: StoreEntry]())
        var merged = versions
        merged.merge(raising)
        guard merged.versions.count <= StoreLimits.writers else { throw StoreViolation.tooManyWriters }
        for entry in entries {
            guard clock.observe(entry.time, milliseconds: now.milliseconds) else { throw StoreViolation.clockAhead }
            // Of what is covered there is nothing new: it may be late, and its tombstone let go already.
            guard entry.sequence > versions[entry.writer] else { continue }
            let rival = try winners[entry.key] ?? storage.entry(of: entry.key)
            if rival.map({ entry.wins(over: $0) }) ?? true { winners[entry.key] = entry }
        }
        var change = StoreChange()
        change.entries = winners.values.sorted { $0.key < $1.key }
        change.versions = merged.versions.filter { versions[$0.key] < $0.value }
        if !change.isEmpty { try storage.apply(change) }
        (self.clock, versions) = (clock, merged)
        return change.entries
    }

    /// What a replica with these versions lacks, from after a place on.
    func entries(
        lackedBy theirs: VersionVector,
        after place: WireStorePlace?
    ) throws -> (entries: [StoreEntry], next: WireStorePlace?) {
        let start = try place.map { place throws(StoreViolation) in
            guard let writer = DeviceID(bytes: place.writer) else { throw .malformed }
            return (writer: writer, sequence: place.sequence)
        }
        var (entries, size) = ([StoreEntry](), 0)
        for writer in versions.versions.keys.sorted() where start.map({ $0.writer <= writer }) ?? true {
            var after = max(theirs[writer], start?.writer == writer ? start?.sequence ?? 0 : 0)
            while after < versions[writer] {
                let page = try storage.entries(of: writer, after: after, count: 256)
                for entry in page {
                    if size > 0, size + entry.size > StoreLimits.answer {
                        return (entries, .with { ($0.writer, $0.sequence) = (writer.wire, after) })
                    }
                    entries.append(entry)
                    size += entry.size
                    after = entry.sequence
                }
                if page.count < 256 { break }
            }
        }
        return (entries, nil)
    }

    /// Lets go of the tombstones that each known replica has.
    mutating func buryTombstones() throws {
        var change = StoreChange()
        for (writer, sequence) in versions.versions {
            let everywhere = replicas.values.reduce(sequence) { min($0, $1[writer]) }
            if everywhere > buried[writer] { change.buried[writer] = everywhere }
        }
        if change.isEmpty { return }
        change.latest = clock.latest
        try storage.apply(change)
        for (writer, sequence) in change.buried { buried.raise(writer, to: sequence) }
    }

    /// Asks one peer that has more, if none is asked already.
    mutating func ask(at now: NIODeadline) -> [Action] {
        guard request == nil else { return schedule() }
        let ahead = peers.filter { !covers($0) }
        // Where all are slow, each has its turn again.
        if ahead.isSubset(of: slow) { slow.subtract(ahead) }
        guard let peer = ahead.subtracting(slow).min() else { return schedule() }
        lastNumber += 1
        request = Request(peer: peer, number: lastNumber, until: now + timing.request)
        let wire = WireStoreRequest.with { ($0.versions, $0.number) = (versions.wire, lastNumber) }
        return [.send(.storeRequest(wire), to: peer)] + schedule()
    }

    func covers(_ peer: DeviceID) -> Bool { versions.covers(replicas[peer] ?? VersionVector()) }

    /// The peers are told what is here, soon.
    mutating func owesDigest(at now: NIODeadline) -> [Action] {
        if digestDue == nil, !peers.isEmpty { digestDue = max(now, lastDigest ?? now) + timing.digest }
        return schedule()
    }

    mutating func schedule() -> [Action] {
        guard let next = [digestDue, request?.until].compactMap(\.self).min() else { return [] }
        if let timer, timer <= next { return [] }
        timer = next
        return [.setTimer(next)]
    }
}
