// SPDX-License-Identifier: Apache-2.0

/// How two devices that have a session reach each other.
package enum SessionPath: String, Sendable {
    case direct
    /// By way of a relay.
    case relayed
}

/// With whom a device has sessions, as it says with a heartbeat: `{"sessions": {"3f8f5dc6-…": "direct"}}`.
package struct SessionReport: Equatable, Sendable {
    /// Sessions in one report.
    package static let maximum = 64

    /// Nil where it says nothing of them, so that what it said before counts.
    package let sessions: [DeviceID: SessionPath]?

    package init(_ sessions: [DeviceID: SessionPath]?) {
        self.sessions = sessions
    }

    /// Reads a heartbeat's body, which may be empty.
    package init(parsing body: some Collection<UInt8>) throws(SessionReportFault) {
        if body.isEmpty {
            sessions = nil
            return
        }
        let json: JSON
        do { json = try JSON(parsing: body) } catch { throw .notJSON(error) }
        guard case .object(let members) = json else { throw .invalid }
        let value = members["sessions"] ?? .null
        guard value != .null else {
            sessions = nil
            return
        }
        guard let sessions = [DeviceID: SessionPath](value) else { throw .invalid }
        self.sessions = sessions
    }

    /// The body of a heartbeat.
    package var text: String { sessions.map { JSON.object(["sessions": $0.json]).description } ?? "" }
}

extension [DeviceID: SessionPath] {
    /// Nil where the JSON is no such object, or has too many members.
    init?(_ json: JSON) {
        guard case .object(let members) = json, members.count <= SessionReport.maximum else { return nil }
        self = [:]
        for (text, value) in members {
            guard let id = DeviceID(text), let path = value.string.flatMap(SessionPath.init) else { return nil }
            self[id] = path
        }
    }

    var json: JSON {
        .object([String: JSON](map { ($0.key.description, .string($0.value.rawValue)) }) { $1 })
    }
}

/// Why a heartbeat's body is none.
package enum SessionReportFault: Error, Equatable, Sendable, CustomStringConvertible {
    case notJSON(JSONFault)
    case invalid

    package var description: String {
        switch self {
        case .notJSON(let fault): "the body can't be read: \(fault)"
        case .invalid:
            "sessions is not valid: it must be an object of at most \(SessionReport.maximum) ids of devices, each with direct "
                + "or relayed"
        }
    }
}
