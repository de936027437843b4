// SPDX-License-Identifier: Apache-2.0

/// What happens to the list of devices, heartbeats apart.
package enum PresenceChange: Equatable, Sendable {
    case joined(DeviceRecord)
    /// It says something else of itself, or is seen at another address.
    case changed(DeviceRecord)
    /// The record is the last one.
    case left(DeviceRecord, Departure)

    package var record: DeviceRecord {
        switch self {
        case .joined(let record), .changed(let record), .left(let record, _): record
        }
    }

    /// The change as watchers are told of it.
    package var event: ServerSentEvent {
        switch self {
        case .joined(let record): ServerSentEvent(name: WatchEvent.joined.rawValue, data: record.json.description)
        case .changed(let record): ServerSentEvent(name: WatchEvent.changed.rawValue, data: record.json.description)
        case .left(let record, let reason):
            ServerSentEvent(
                name: WatchEvent.left.rawValue,
                data: JSON.object(["id": .string(record.id.description), "reason": .string(reason.rawValue)])
                    .description
            )
        }
    }
}

/// Why a device is no longer there.
package enum Departure: String, Sendable {
    /// It said so.
    case left
    /// It gave no sign of life for the life of its record.
    case expired
    /// The operator took it out.
    case removed
}

/// The names of the events that a watcher gets.
package enum WatchEvent: String, Sendable {
    /// Forget everything: what follows are all that are there, each as `present`, up to `synced`.
    case resync
    case present
    case synced
    case joined
    case changed
    case left
    /// The server ends the stream, and says why; the last event's id resumes it.
    case bye
}
