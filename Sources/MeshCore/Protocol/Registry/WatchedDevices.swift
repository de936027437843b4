// SPDX-License-Identifier: Apache-2.0

/// The list of devices as a watcher knows it, kept up with the events of `GET /devices/watch`.
///
/// It survives the connection: the next stream is asked for with ``lastEventID``, and tells what was missed, or everything
/// anew.
package struct WatchedDevices: Equatable, Sendable {
    private let maximum: Int
    /// Who is there; what it was before, while everything is told anew.
    package private(set) var records: [RecordID: DeviceRecord] = [:]
    /// Where the next stream is to begin; nil from the start.
    package private(set) var lastEventID: String?
    /// Whether a whole list came once.
    package private(set) var isComplete = false
    /// What has come of a list that is told anew.
    private var fresh: [RecordID: DeviceRecord]?

    /// Knows `maximum` devices at most, whatever the server says; the others are passed over.
    package init(maximum: Int = Registry.maximum) {
        self.maximum = maximum
    }

    /// The stream ended: a list that had not come whole is void.
    package mutating func interrupted() {
        fresh = nil
    }

    /// Takes in an event and says what it changes.
    ///
    /// An event of another name, or one that is not understood, changes nothing.
    package mutating func received(_ event: ServerSentEvent) -> [PresenceChange] {
        if let id = event.id { lastEventID = id.isEmpty ? nil : id }
        guard let name = WatchEvent(rawValue: event.name) else { return [] }
        switch name {
        case .resync: fresh = [:]
        case .present:
            if let record = Self.record(in: event), fresh?.count ?? 0 < maximum { fresh?[record.id] = record }
        case .synced: return synced()
        case .joined, .changed: return Self.record(in: event).flatMap { put($0) }.map { [$0] } ?? []
        case .left: return left(event)
        case .bye: break
        }
        return []
    }

    private mutating func synced() -> [PresenceChange] {
        guard let fresh else { return [] }
        let gone = records.values.filter { fresh[$0.id] == nil }.sorted { $0.id < $1.id }
        var changes = gone.map { PresenceChange.left($0, .left) }
        for record in fresh.values.sorted(by: { $0.id < $1.id }) where records[record.id] != record {
            changes.append(records[record.id] == nil ? .joined(record) : .changed(record))
        }
        (records, self.fresh, isComplete) = (fresh, nil, true)
        return changes
    }

    private mutating func put(_ record: DeviceRecord) -> PresenceChange? {
        guard records.count < maximum || records[record.id] != nil else { return nil }
        return records.updateValue(record, forKey: record.id) == nil ? .joined(record) : .changed(record)
    }

    private mutating func left(_ event: ServerSentEvent) -> [PresenceChange] {
        guard case .object(let members)? = try? JSON(parsing: event.data.utf8),
            let id = members["id"]?.string.flatMap(RecordID.init), let record = records.removeValue(forKey: id)
        else { return [] }
        return [.left(record, members["reason"]?.string.flatMap(Departure.init) ?? .left)]
    }

    private static func record(in event: ServerSentEvent) -> DeviceRecord? {
        (try? JSON(parsing: event.data.utf8)).flatMap { DeviceRecord($0) }
    }
}
