// SPDX-License-Identifier: Apache-2.0

import MeshCore
import MeshProgram
import NIOCore

/// The registry's devices, for people and for programs.
enum DeviceListing {
    static func table(_ records: [DeviceRecord]) -> String {
        if records.isEmpty { return "no other device is registered" }
        var table = TextTable(["NAME", "ID", "ADDRESS", "VERIFIED"])
        for record in records {
            table.add([
                record.registration.name?.printable ?? "-", record.shortID,
                record.contacts.first?.description ?? "-", record.verified ? "yes" : "no",
            ])
        }
        return table.text
    }

    /// One array, as the registry has it.
    static func json(_ records: [DeviceRecord]) -> String {
        JSON.array(records.map(\.json)).description
    }
}

extension DeviceRecord {
    /// A device id's first digits; an id that nobody can prove is shown whole.
    var shortID: String { id.device?.short ?? id.description }
}

extension KnownDevice {
    /// For people.
    var state: String {
        if connection != nil { return "connected" }
        return isListed ? "away" : "gone"
    }
}

extension TimeAmount {
    /// For people: `12 s`, `3 m 5 s`, `2 h 0 m`.
    var wholeSeconds: String {
        let seconds = nanoseconds / 1_000_000_000
        if seconds < 60 { return "\(seconds) s" }
        return seconds < 3_600 ? "\(seconds / 60) m \(seconds % 60) s" : "\(seconds / 3_600) h \(seconds / 60 % 60) m"
    }
}
