// SPDX-License-Identifier: Apache-2.0

import MeshCore

/// Whether the registry can be reached, as people are to be told: once that it is away, and once that it is back.
struct RegistryContact: Equatable, Sendable {
    /// What a device wants of the registry; each can fail while the others go on.
    enum Want: Hashable {
        case membership
        case stream(SignalingSession.Stream)
    }

    /// What people are to be told.
    enum Change: Equatable {
        case away(String)
        case back
    }

    private var failing: Set<Want> = []

    mutating func failed(_ want: Want, _ reason: String) -> [Change] {
        defer { failing.insert(want) }
        return failing.isEmpty ? [.away(reason)] : []
    }

    mutating func succeeded(_ want: Want) -> [Change] {
        failing.remove(want) != nil && failing.isEmpty ? [.back] : []
    }
}
