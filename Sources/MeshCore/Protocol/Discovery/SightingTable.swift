// SPDX-License-Identifier: Apache-2.0

package import NIOCore

/// What all discovery sources say, merged: which devices there are, and where each may be reached.
///
/// An address that a device's key has proven is never displaced by what anybody may claim: claims come after it, each
/// source's within a small bound, and no claim makes room for itself by forgetting a device that was proven.
package struct SightingTable: Equatable, Sendable {
    /// What a sighting changed.
    package enum Change: Equatable, Sendable {
        case found
        /// The same device, as it was started, at another address.
        case moved
        /// The device was started anew.
        case restarted
        /// Nothing but the time.
        case renewed
        /// The table is full.
        case refused
    }

    /// One address, as one source says it.
    package struct Place: Equatable, Sendable {
        package let endpoint: Endpoint
        package let source: SightingSource
        package let isProven: Bool
        package let until: NIODeadline
    }

    /// What one source says of one device.
    fileprivate struct Entry: Equatable {
        var name: String?
        var instance: UInt64?
        var isProven = false
        var mayBeDialed = false
        /// The newest first.
        var places: [Place] = []
        var until: NIODeadline
    }

    private let limit: Int
    private var devices: [DeviceID: [SightingSource: Entry]] = [:]
    /// When something may have to be forgotten, not later than it has; nil for never.
    package private(set) var nextExpiry: NIODeadline?

    /// At most `limit` devices.
    package init(limit: Int) {
        self.limit = limit
    }

    package mutating func seen(_ sighting: Sighting, at now: NIODeadline) -> Change {
        if sighting.until != .distantFuture { nextExpiry = min(nextExpiry ?? sighting.until, sighting.until) }
        guard var entries = devices[sighting.id] else {
            guard devices.count < limit || makeRoom(for: sighting) else { return .refused }
            devices[sighting.id] = [sighting.source: Entry(sighting)]
            return .found
        }
        defer { devices[sighting.id] = entries }
        guard var entry = entries[sighting.source] else {
            let known = Set(entries.values.flatMap { $0.places.map(\.endpoint) })
            entries[sighting.source] = Entry(sighting)
            return known.isSuperset(of: sighting.endpoints) ? .renewed : .moved
        }
        let change = entry.change(by: sighting)
        entry.merge(sighting)
        entries[sighting.source] = entry
        return change
    }

    /// A source told all that it knows; what it said before counts no more.
    package mutating func listed(_ sightings: [Sighting], by source: SightingSource, at now: NIODeadline) {
        let ids = Set(sightings.map(\.id))
        for id in devices.keys where !ids.contains(id) { remove(source, of: id) }
        for sighting in sightings {
            devices[sighting.id]?[source] = nil
            _ = seen(sighting, at: now)
        }
    }

    /// Forgets what is not true any more; true if that was anything.
    package mutating func expire(at now: NIODeadline) -> Bool {
        let before = devices
        for (id, entries) in devices {
            for (source, var entry) in entries {
                entry.places.removeAll { $0.until <= now }
                devices[id]?[source] = entry.until <= now ? nil : entry
            }
            if devices[id]?.isEmpty == true { devices[id] = nil }
        }
        let times = devices.values.lazy.flatMap { $0.values.flatMap { [$0.until] + $0.places.map(\.until) } }
        nextExpiry = times.min().flatMap { $0 == .distantFuture ? nil : $0 }
        return devices != before
    }

    /// Where each device may be, for who dials.
    package var whereabouts: [Whereabouts] {
        devices.keys.sorted().compactMap { whereabouts(of: $0) }
    }

    package func whereabouts(of id: DeviceID) -> Whereabouts? {
        guard let entries = devices[id] else { return nil }
        let named = entries.sorted { $0.key < $1.key }.first { $0.value.name != nil }
        return Whereabouts(
            id: id,
            name: named?.value.name,
            endpoints: places(of: id).map(\.endpoint),
            isVerified: entries.values.contains(where: \.mayBeDialed)
        )
    }

    /// The addresses of a device that may be dialed, each once, what is proven first.
    package func places(of id: DeviceID) -> [Place] {
        let entries = (devices[id] ?? [:]).sorted { $0.key < $1.key }.map(\.value)
        // Where nobody vouches for the device, people still want to see what was claimed.
        let dialable = entries.filter(\.mayBeDialed)
        let places = (dialable.isEmpty ? entries : dialable).flatMap(\.places)
        var seen: Set<Endpoint> = []
        let once = (places.filter(\.isProven) + places.filter { !$0.isProven }).filter {
            seen.insert($0.endpoint).inserted
        }
        return Array(once.prefix(SightingLimits.endpoints))
    }

    private mutating func remove(_ source: SightingSource, of id: DeviceID) {
        devices[id]?[source] = nil
        if devices[id]?.isEmpty == true { devices[id] = nil }
    }

    /// A device that is proven takes the place of one that is only claimed to exist, the first to expire.
    private mutating func makeRoom(for sighting: Sighting) -> Bool {
        guard sighting.isProven else { return false }
        let claimed = devices.filter { !$0.value.values.contains(where: \.isProven) }
        let first = claimed.min { left, right in
            (left.value.values.map(\.until).max() ?? .distantPast, left.key)
                < (right.value.values.map(\.until).max() ?? .distantPast, right.key)
        }
        guard let first else { return false }
        devices[first.key] = nil
        return true
    }
}

/// The bounds of what is kept for one device.
private enum SightingLimits {
    /// That are told to who dials.
    static let endpoints = 16
    static let proven = 8
    /// Of one source that proves nothing.
    static let claimed = 4
}

extension SightingTable.Entry {
    fileprivate init(_ sighting: Sighting) {
        until = sighting.until
        merge(sighting)
    }

    fileprivate func change(by sighting: Sighting) -> SightingTable.Change {
        if let instance, let other = sighting.instance, instance != other { return .restarted }
        return Set(places.map(\.endpoint)).isSuperset(of: sighting.endpoints) ? .renewed : .moved
    }

    fileprivate mutating func merge(_ sighting: Sighting) {
        // What a source has proven it can take back only by telling all that it knows.
        if isProven, !sighting.isProven { return mergeClaim(sighting) }
        (name, instance) = (sighting.name ?? name, sighting.instance ?? instance)
        (isProven, mayBeDialed) = (sighting.isProven, sighting.mayBeDialed)
        until = max(until, sighting.until)
        let new = sighting.endpoints.map {
            SightingTable.Place(
                endpoint: $0,
                source: sighting.source,
                isProven: sighting.isProven,
                until: sighting.until
            )
        }
        let old = places.filter { !sighting.endpoints.contains($0.endpoint) }
        let bound = sighting.isProven || sighting.source <= .signaling ? SightingLimits.proven : SightingLimits.claimed
        places = Array((new + old).prefix(bound))
    }

    private mutating func mergeClaim(_ sighting: Sighting) {
        let known = Set(places.map(\.endpoint))
        let end = min(until, sighting.until)
        let new = sighting.endpoints.filter { !known.contains($0) }.map {
            SightingTable.Place(endpoint: $0, source: sighting.source, isProven: false, until: end)
        }
        places = Array((places + new).prefix(SightingLimits.proven))
    }
}
