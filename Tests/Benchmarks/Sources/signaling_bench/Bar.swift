// SPDX-License-Identifier: Apache-2.0

import Bench

/// Something measured, and what was to be reached.
struct Bar {
    let what: String
    let measured: String
    let bar: String
    let isReached: Bool

    static func table(_ bars: [Bar]) -> String {
        var table = Table("Signaling", columns: ["what", "measured", "bar", "reached"])
        for bar in bars { table.add([bar.what, bar.measured, bar.bar, bar.isReached ? "yes" : "NO"]) }
        return table.text
    }
}

func milliseconds(_ nanoseconds: Int) -> String { "\(threeDigits(Double(nanoseconds) / 1_000_000)) ms" }
