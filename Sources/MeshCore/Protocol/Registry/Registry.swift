// SPDX-License-Identifier: Apache-2.0

package import NIOCore

/// Who is there: the records of the devices, each for as long as the device gives signs of life.
///
/// Whoever drives it calls ``expire(at:)`` before anything else that happens at a time, so that nobody sees a record that
/// has ended, and takes what has changed after it. The bounds: `maximum` records, and what ``RegistrationLimits`` allow each.
package struct Registry: Sendable {
    /// How many records there may be, unless it is said otherwise.
    package static let maximum = 100_000

    private let maximum: Int
    private let defaultTTL: TimeAmount
    package let enrollment: Enrollment
    private var records: [RecordID: DeviceRecord] = [:]
    /// The ids in their order.
    private var order = SortedIDs()
    private var expiries = ExpiryQueue<RecordID>()
    private var changes: [PresenceChange] = []

    /// Counts what changes a list: who comes, goes, and says something else.
    ///
    /// Not the heartbeats.
    package private(set) var version: UInt64 = 0

    package init(enrollment: Enrollment, defaultTTL: TimeAmount, maximum: Int = maximum) {
        (self.enrollment, self.defaultTTL, self.maximum) = (enrollment, defaultTTL, maximum)
    }

    package var count: Int { order.count }

    /// A device comes in, or says anew what others may know; the registration must be its first words in full.
    ///
    /// - Returns: The record, and whether it is a new one.
    package mutating func register(
        _ registration: Registration,
        from sender: RegistrySender,
        at now: Moment
    ) throws(RegistryRefusal) -> (record: DeviceRecord, isNew: Bool) {
        try enrollment.admit(sender, as: registration.id)
        let known = records[registration.id]
        guard known != nil || order.count < maximum else { throw .full(maximum: maximum) }
        var registration = registration
        let ttl = registration.ttl ?? defaultTTL
        registration.ttl = ttl
        var record = DeviceRecord(
            registration: registration,
            observed: sender.observed,
            registeredAt: known?.registeredAt ?? now.date,
            lastSeen: now.date,
            expiresAt: (now + ttl).date,
            verified: sender.signer != nil,
            tag: sender.tag
        )
        record.sessions = known?.sessions ?? [:]
        if known.map({ $0.says(otherThan: record) }) ?? true {
            tell(known == nil ? .joined(record) : .changed(record))
        }
        keep(record, until: now.instant + ttl)
        return (record, known == nil)
    }

    /// A device stays, for another life of its record.
    package mutating func heartbeat(
        _ id: RecordID,
        from sender: RegistrySender,
        sessions: SessionReport = SessionReport(nil),
        at now: Moment
    ) throws(RegistryRefusal) -> DeviceRecord {
        try enrollment.admit(sender, as: id)
        guard var record = records[id] else { throw .unknown(id) }
        let ttl = record.registration.ttl ?? defaultTTL
        record.lastSeen = now.date
        record.expiresAt = (now + ttl).date
        // The port is another one with each connection, and says nothing.
        let isElsewhere = sender.observed.map { $0.host != record.observed?.host } ?? false
        if isElsewhere { record.observed = sender.observed }
        let reported = sessions.sessions ?? record.sessions
        if isElsewhere || reported != record.sessions {
            record.sessions = reported
            tell(.changed(record))
        }
        keep(record, until: now.instant + ttl)
        return record
    }

    /// A device leaves.
    package mutating func remove(_ id: RecordID, from sender: RegistrySender) throws(RegistryRefusal) {
        try enrollment.admit(sender, as: id)
        guard records[id] != nil else { throw .unknown(id) }
        drop(id, .left)
    }

    /// The operator takes a device out.
    package mutating func takeOut(_ id: RecordID) throws(RegistryRefusal) {
        guard records[id] != nil else { throw .unknown(id) }
        drop(id, .removed)
    }

    /// What has happened to the list since this was last asked.
    package mutating func takeChanges() -> [PresenceChange] {
        defer { changes = [] }
        return changes
    }

    /// Drops what has ended, and says which.
    package mutating func expire(at now: Moment) -> [RecordID] {
        var ended: [RecordID] = []
        while let id = expiries.popEnded(at: now.instant) {
            drop(id, .expired)
            ended.append(id)
        }
        return ended
    }

    /// Takes in what was kept over a restart.
    ///
    /// Each record has its whole life before it: the device could not give a sign of life to a server that wasn't
    /// there.
    package mutating func restore(_ kept: [DeviceRecord], at now: Moment) {
        records.reserveCapacity(kept.count)
        expiries.reserve(kept.count)
        for var record in kept where records[record.id] != nil || order.count < maximum {
            let ttl = record.registration.ttl ?? defaultTTL
            record.expiresAt = (now + ttl).date
            keep(record, until: now.instant + ttl)
        }
        version += 1
    }

    /// The record of a device that is there.
    package func record(of id: RecordID) -> DeviceRecord? { records[id] }

    /// The records that pass a filter, by id, at most `limit` from behind `last` on, and whether there are more.
    package func records(
        passing filter: DeviceFilter = DeviceFilter(),
        after last: RecordID? = nil,
        limit: Int = .max
    ) -> (records: [DeviceRecord], isCut: Bool) {
        var page: [DeviceRecord] = []
        var isCut = false
        order.forEach(after: last) { id in
            guard let record = records[id], filter.passes(record) else { return true }
            isCut = page.count >= limit
            if !isCut { page.append(record) }
            return !isCut
        }
        return (page, isCut)
    }

    private mutating func keep(_ record: DeviceRecord, until end: NIODeadline) {
        if records.updateValue(record, forKey: record.id) == nil {
            order.insert(record.id)
        }
        expiries.set(record.id, to: end)
    }

    private mutating func drop(_ id: RecordID, _ reason: Departure) {
        guard let record = records.removeValue(forKey: id) else { return }
        expiries.remove(id)
        order.remove(id)
        tell(.left(record, reason))
    }

    private mutating func tell(_ change: PresenceChange) {
        version += 1
        changes.append(change)
    }
}

extension DeviceRecord {
    /// Whether others would see another record than this one, the times and the observed port apart.
    fileprivate func says(otherThan record: DeviceRecord) -> Bool {
        registration != record.registration || observed?.host != record.observed?.host || verified != record.verified
            || tag != record.tag
    }
}
