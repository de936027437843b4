// SPDX-License-Identifier: Apache-2.0

import MeshCore
import MeshProgram
import NIOCore

/// A way of finding devices that runs, and what came by it.
struct DiscoveryReport: Sendable {
    let name: String
    let port: OpenDiscoveryPort

    static func answer(_ reports: [DiscoveryReport]) -> Answer {
        Answer(text: table(reports), json: .array(reports.map(\.json)))
    }

    private var json: JSON {
        let counts = port.counts
        let skipped = counts.skipped.filter { $0.value > 0 }.map { ($0.key.name, JSON.integer($0.value)) }
        return .object([
            "by": .string(name), "accepted": .integer(counts.accepted), "answered": .integer(counts.answered),
            "skipped": .object(Dictionary(skipped) { first, _ in first }),
        ])
    }

    private static func table(_ reports: [DiscoveryReport]) -> String {
        if reports.isEmpty { return "no way of finding devices on the network is used (see 'device help run')" }
        var table = TextTable(["BY", "ACCEPTED", "ANSWERED", "SKIPPED"])
        for report in reports {
            let counts = report.port.counts
            let skipped = DatagramFault.allCases.compactMap { fault in
                counts.skipped[fault].map { "\($0) \(fault.name)" }
            }
            table.add([
                report.name, "\(counts.accepted)", "\(counts.answered)",
                skipped.isEmpty ? "none" : skipped.joined(separator: ", "),
            ])
        }
        return table.text
    }
}

/// What people are told of a scan: each second how far it is, and at its end what is new.
struct ScanTelling: Equatable {
    private var nextAt: NIODeadline?
    private var lastFound: Int?

    mutating func text(asked: Int, of total: Int, found: Int, at now: NIODeadline) -> String? {
        let words = "addresses asked, \(found == 1 ? "1 device" : "\(found) devices") found"
        if asked < total {
            let next = nextAt ?? now + .seconds(1)
            nextAt = next <= now ? now + .seconds(1) : next
            return next <= now ? "* scan: \(asked) of \(total) \(words)" : nil
        }
        nextAt = nil
        guard lastFound != found else { return nil }
        lastFound = found
        return "* scan: all \(total) \(words)"
    }
}
