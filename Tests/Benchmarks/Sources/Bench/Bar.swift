// SPDX-License-Identifier: Apache-2.0

/// Something to reach, and whether it was.
package struct Bar {
    package let subject: String
    package let limit: String
    package let seen: String
    package let isMet: Bool

    package init(_ subject: String, _ limit: String, seen: String, isMet: Bool) {
        (self.subject, self.limit, self.seen, self.isMet) = (subject, limit, seen, isMet)
    }

    package static func table(_ bars: [Bar]) -> String {
        var table = Table("What is to be reached", columns: ["what", "bar", "seen", ""])
        for bar in bars { table.add([bar.subject, bar.limit, bar.seen, bar.isMet ? "met" : "NOT MET"]) }
        return table.text
    }
}
