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
    case tooManyGuests = "too_many_guests"
    case tooManyFromAddress = "too_many_from_address"
    case tooManyGuestsFromAddress = "too_many_guests_from_address"
    /// A guest who made room for another.
    case crowdedOut = "crowded_out"
    /// A password that was not looked at, since too many were guessed.
    case throttled
    /// Too many passwords were being checked.
    case busy
    case webRequest = "web_request"
    case origin
    case brokenTLS = "broken_tls"
    /// A message beyond what its account may publish.
    case rateLimited = "rate_limited"
    case notStored = "not_stored"
}

/// Counts a refusal.
func count(_ refusal: Refusal, _ times: Int = 1) {
    counters[refusal]?.increment(by: times)
}

/// Shows all counts, those of what was never refused, too.
func showRefusals() {
    _ = counters
}

private let counters = Dictionary(
    uniqueKeysWithValues: Refusal.allCases.map {
        ($0, Counter(label: "tcp_server_refusals_total", dimensions: [("cause", $0.rawValue)]))
    }
)
