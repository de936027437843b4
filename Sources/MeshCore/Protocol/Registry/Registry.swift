// SPDX-License-Identifier: Apache-2.0

package import NIOCore

/// Who is there: the records of the devices, each for as long as the device gives signs of life.
///
/// Whoever drives it calls ``expire(at:)`` before anything else that happens at a time, so that nobody sees a record that
/// has ended. The bounds: `maximum` records, and what ``RegistrationLimits`` allow each.
package struct Registry: Sendable {
    /// How many records there may be, unless it is said otherwise.
    package static let maximum = 100_000

    private let maximum: Int
    private let defaultTTL: TimeAmount
    private let enrollment: Enrollment
    private var records: [RecordID: DeviceRecord] = [:]
    /// The ids in their order.
    private var order: [RecordID] = []
    private var expiries = ExpiryQueue<RecordID>()

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
        let record = DeviceRecord(
            registration: registration,
            observed: sender.observed,
            registeredAt: known?.registeredAt ?? now.date,
            lastSeen: now.date,
            expiresAt: (now + ttl).date,
            verified: sender.signer != nil
        )
        if known.map({ $0.says(otherThan: record) }) ?? true { version += 1 }
        keep(record, until: now.instant + ttl)
        return (record, known == nil)
    }

    /// A device stays, for another life of its record.
    package mutating func heartbeat(
        _ id: RecordID,
        from sender: RegistrySender,
        at now: Moment
    ) throws(RegistryRefusal) -> DeviceRecord {
        try enrollment.admit(sender, as: id)
        guard var record = records[id] else { throw .unknown(id) }
        let ttl = record.registration.ttl ?? defaultTTL
        record.lastSeen = now.date
        record.expiresAt = (now + ttl).date
        // The port is another one with each connection, and says nothing.
        if let observed = sender.observed, observed.host != record.observed?.host {
            record.observed = observed
            version += 1
        }
        keep(record, until: now.instant + ttl)
        return record
    }

    /// A device leaves.
    package mutating func remove(_ id: RecordID, from sender: RegistrySender) throws(RegistryRefusal) {
        try enrollment.admit(sender, as: id)
        guard records[id] != nil else { throw .unknown(id) }
        expiries.remove(id)
        drop(id)
    }

    /// Drops what has ended, and says which.
    package mutating func expire(at now: Moment) -> [RecordID] {
        var ended: [RecordID] = []
        while let id = expiries.popEnded(at: now.instant) {
            drop(id)
            ended.append(id)
        }
        return ended
    }

    /// Takes in what was kept over a restart.
    ///
    /// Each record has its whole life before it: the device could not give a sign of life to a server that wasn't
    /// there.
    package mutating func restore(_ kept: [DeviceRecord], at now: Moment) {
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
        let start = last.map { position(of: $0, after: true) } ?? 0
        var page: [DeviceRecord] = []
        for id in order[start...] {
            guard let record = records[id], filter.passes(record) else { continue }
            if page.count >= limit { return (page, true) }
            page.append(record)
        }
        return (page, false)
    }

    private mutating func keep(_ record: DeviceRecord, until end: NIODeadline) {
        if records.updateValue(record, forKey: record.id) == nil {
            order.insert(record.id, at: position(of: record.id, after: false))
        }
        expiries.set(record.id, to: end)
    }

    private mutating func drop(_ id: RecordID) {
        guard records.removeValue(forKey: id) != nil else { return }
        order.remove(at: position(of: id, after: false))
        version += 1
    }

    /// Where an id stands in the order, or would stand; or what is behind it.
    private func position(of id: RecordID, after: Bool) -> Int {
        var (low, high) = (0, order.count)
        while low < high {
            let middle = low + (high - low) / 2
            if order[middle] < id || (after && order[middle] == id) { low = middle + 1 } else { high = middle }
        }
        return low
    }
}

extension DeviceRecord {
    /// Whether others would see another record than this one, the times and the observed port apart.
    fileprivate func says(otherThan record: DeviceRecord) -> Bool {
        registration != record.registration || observed?.host != record.observed?.host || verified != record.verified
    }
}
