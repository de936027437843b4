// SPDX-License-Identifier: Apache-2.0

import Bench

/// How much is measured, and with what.
struct Plan {
    var setup: Setup
    var servers: [ServerKind]
    var runs: Int
    /// How long each throughput is measured in one run, in nanoseconds.
    var span: Int
    var isShort: Bool
    var profile: Profile?

    func note(_ text: String) {
        say(text)
    }
}
