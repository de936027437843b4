// SPDX-License-Identifier: Apache-2.0

import MeshCore
import NIOCore

/// What a table of sightings is to know, as a plain list of what was said and is not over yet.
///
/// It takes for granted that of one source what is said later is over later.
struct SightingModel {
    private struct Saying {
        let source: SightingSource
        var endpoints: [Endpoint]
        let instance: UInt64?
        let isProven: Bool
        let mayBeDialed: Bool
        let until: NIODeadline
    }

    private static let endpoints = 16

    let limit: Int
    /// Of each device the newest first.
    private var said: [DeviceID: [Saying]] = [:]

    init(limit: Int) {
        self.limit = limit
    }

    var firstExpiry: NIODeadline? {
        var first: NIODeadline?
        for sayings in said.values {
            for saying in sayings where saying.until != .distantFuture {
                first = min(first ?? saying.until, saying.until)
            }
        }
        return first
    }

    /// What the table may answer.
    mutating func seen(_ sighting: Sighting) -> [SightingTable.Change] {
        guard let before = said[sighting.id] else {
            guard said.count < limit || makeRoom(for: sighting) else { return [.refused] }
            add(sighting)
            return [.found]
        }
        let earlier = before.filter { $0.source == sighting.source }
        add(sighting)
        if let old = earlier.first?.instance, let new = sighting.instance, old != new { return [.restarted] }
        let new = sighting.endpoints.filter { endpoint in !earlier.contains { $0.endpoints.contains(endpoint) } }
        if new.isEmpty { return [.renewed] }
        let isKnown = new.allSatisfy { endpoint in before.contains { $0.endpoints.contains(endpoint) } }
        if !isKnown { return [.moved] }
        // The address is new only to this source.
        return earlier.isEmpty ? [.renewed] : [.renewed, .moved]
    }

    mutating func listed(_ sightings: [Sighting], by source: SightingSource) {
        let listed = Set(sightings.map(\.id))
        for (id, sayings) in said where !listed.contains(id) {
            let others = sayings.filter { $0.source != source }
            said[id] = others.isEmpty ? nil : others
        }
        for sighting in sightings {
            said[sighting.id]?.removeAll { $0.source == source }
            _ = seen(sighting)
        }
    }

    /// The devices of which something is over.
    mutating func expire(at now: NIODeadline) -> [DeviceID] {
        var changed: [DeviceID] = []
        for (id, sayings) in said where sayings.contains(where: { $0.until <= now }) {
            changed.append(id)
            let valid = sayings.filter { $0.until > now }
            said[id] = valid.isEmpty ? nil : valid
        }
        return changed.sorted()
    }

    private mutating func add(_ sighting: Sighting) {
        let new = Saying(
            source: sighting.source,
            endpoints: sighting.endpoints,
            instance: sighting.instance,
            isProven: sighting.isProven,
            mayBeDialed: sighting.mayBeDialed,
            until: sighting.until
        )
        var (room, sayings) = (Self.bound(of: sighting.source) - sighting.endpoints.count, [new])
        for var saying in said[sighting.id] ?? [] {
            if saying.source == sighting.source {
                // Said again; and of one source only so much is kept, the newest.
                saying.endpoints = Array(saying.endpoints.filter { !sighting.endpoints.contains($0) }.prefix(room))
                room -= saying.endpoints.count
                if saying.endpoints.isEmpty { continue }
            }
            sayings.append(saying)
        }
        said[sighting.id] = sayings
    }

    /// Who is proven takes the place of who is only claimed to exist, the first to be over.
    private mutating func makeRoom(for sighting: Sighting) -> Bool {
        guard sighting.isProven else { return false }
        var first: (until: NIODeadline, id: DeviceID)?
        for (id, sayings) in said where !sayings.contains(where: \.isProven) {
            let until = sayings.map(\.until).max() ?? .distantPast
            if first.map({ (until, id) < ($0.until, $0.id) }) ?? true { first = (until, id) }
        }
        guard let first else { return false }
        said[first.id] = nil
        return true
    }

    private static func bound(of source: SightingSource) -> Int {
        switch source {
        case .session, .configuration, .signaling: 8
        case .multicast, .broadcast, .scan: 4
        }
    }
}

// What is wrong with a table; nil if nothing is.
extension SightingModel {
    func fault(in table: SightingTable, at now: NIODeadline) -> String? {
        let (whereabouts, ids) = (table.whereabouts, said.keys.sorted())
        if whereabouts.count > limit { return "has \(whereabouts.count) devices, more than \(limit)" }
        if whereabouts.map(\.id) != ids { return "has \(whereabouts.map(\.id)), not \(ids)" }
        for one in whereabouts {
            let places = table.places(of: one.id)
            if places.map(\.endpoint) != one.endpoints { return "has \(places), and \(one)" }
            let mayBeDialed = said[one.id]?.contains(where: \.mayBeDialed)
            if one.isVerified != mayBeDialed { return "does not know whether to dial \(one)" }
            if let fault = fault(in: places, of: one.id, at: now) { return fault }
        }
        return nil
    }

    func fault(in places: [SightingTable.Place], of id: DeviceID, at now: NIODeadline) -> String? {
        let sayings = said[id] ?? []
        // Where nobody vouches for the device, all that was claimed is shown.
        let dialable = sayings.filter(\.mayBeDialed)
        let valid = dialable.isEmpty ? sayings : dialable
        return Self.excess(places, valid, at: now) ?? Self.lack(places, valid)
    }

    private static func excess(_ places: [SightingTable.Place], _ valid: [Saying], at now: NIODeadline) -> String? {
        if places.count > endpoints { return "has \(places.count) addresses" }
        var last: SightingTable.Place?
        for place in places {
            if place.until <= now { return "has what is over: \(place)" }
            let isSaid = valid.contains { saying in
                saying.source == place.source && saying.isProven == place.isProven && saying.until == place.until
                    && saying.endpoints.contains(place.endpoint)
            }
            if !isSaid { return "has what nobody said: \(place)" }
            if let last, !isInOrder(last, place) { return "has \(last) before \(place)" }
            last = place
        }
        return Set(places.map(\.endpoint)).count < places.count ? "has an address twice: \(places)" : nil
    }

    /// What is proven comes first; then whom to trust decides, and then what is newest.
    private static func isInOrder(_ one: SightingTable.Place, _ other: SightingTable.Place) -> Bool {
        if one.isProven != other.isProven { return one.isProven }
        return one.source == other.source ? one.until >= other.until : one.source < other.source
    }

    private static func lack(_ places: [SightingTable.Place], _ valid: [Saying]) -> String? {
        for saying in valid {
            for endpoint in saying.endpoints {
                let place = places.first { $0.endpoint == endpoint }
                if saying.isProven, place?.isProven != true { return "lacks the proven \(endpoint)" }
                if place == nil, places.count < endpoints { return "lacks \(endpoint), of \(saying.source)" }
            }
        }
        return nil
    }
}
