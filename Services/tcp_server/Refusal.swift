// SPDX-License-Identifier: Apache-2.0

import Metrics

/// Why somebody was not given what they asked for.
///
/// Each is counted under its name.
enum Refusal: String, CaseIterable {
    case refusedLogin = "refused_login"
    case violation
    case gap
    case full
    case plaintextHTTP = "http"
    case brokenTLS = "broken_tls"
    case notStored = "not_stored"
}

/// Counts a refusal.
func count(_ refusal: Refusal, _ times: Int = 1) {
    counters[refusal]?.increment(by: times)
}

private let counters = Dictionary(
    uniqueKeysWithValues: Refusal.allCases.map {
        ($0, Counter(label: "tcp_server_refusals_total", dimensions: [("cause", $0.rawValue)]))
    }
)
