// SPDX-License-Identifier: Apache-2.0

import Bench

/// Something to reach, and whether it was.
struct Bar {
    let subject: String
    let limit: String
    let seen: String
    let isMet: Bool

    init(_ subject: String, _ limit: String, seen: String, isMet: Bool) {
        (self.subject, self.limit, self.seen, self.isMet) = (subject, limit, seen, isMet)
    }

    static func table(_ bars: [Bar]) -> String {
        var table = Table("What is to be reached", columns: ["what", "bar", "seen", ""])
        for bar in bars { table.add([bar.subject, bar.limit, bar.seen, bar.isMet ? "met" : "NOT MET"]) }
        return table.text
    }
}
