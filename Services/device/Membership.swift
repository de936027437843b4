// SPDX-License-Identifier: Apache-2.0

import MeshCore
import NIOCore

/// What a device has to say to the registry, and when: registers, stays, and asks who is there.
struct Membership: Equatable, Sendable {
    /// What is to be done now.
    enum Step: Equatable {
        case register
        case heartbeat
        case list
        case wait(until: NIODeadline)
    }

    /// What people are to be told.
    enum Change: Equatable {
        case away(String)
        case back
    }

    private let poll: TimeAmount
    private var backoff: Backoff
    private var lifetime: TimeAmount?
    private var heartbeatDue: NIODeadline?
    private var listDue: NIODeadline
    /// Nothing is tried before.
    private var retryDue: NIODeadline?
    private var isAway = false

    /// Asks for the list each `poll`.
    init(poll: TimeAmount, backoff: Backoff = Backoff(shortest: .seconds(1), longest: .seconds(30)), now: NIODeadline) {
        (self.poll, self.backoff, listDue) = (poll, backoff, now)
    }

    func step(at now: NIODeadline) -> Step {
        if let retryDue, retryDue > now { return .wait(until: retryDue) }
        guard let heartbeatDue else { return .register }
        if heartbeatDue <= now { return .heartbeat }
        if listDue <= now { return .list }
        return .wait(until: min(heartbeatDue, listDue))
    }

    /// The record lives for `lifetime` from now on.
    mutating func registered(for lifetime: TimeAmount, at now: NIODeadline) -> [Change] {
        self.lifetime = max(lifetime, Self.shortestLifetime)
        return stayed(at: now)
    }

    mutating func stayed(at now: NIODeadline) -> [Change] {
        // Two signs of life may be lost.
        heartbeatDue = now + .nanoseconds((lifetime ?? Self.shortestLifetime).nanoseconds / 3)
        return succeeded()
    }

    mutating func listed(at now: NIODeadline) -> [Change] {
        listDue = now + poll
        return succeeded()
    }

    /// The registry does not know this device any more.
    mutating func forgotten() {
        heartbeatDue = nil
    }

    mutating func failed(
        _ reason: String,
        at now: NIODeadline,
        using generator: inout some RandomNumberGenerator
    ) -> [Change] {
        retryDue = now + backoff.failed(using: &generator)
        if isAway { return [] }
        isAway = true
        return [.away(reason)]
    }

    private mutating func succeeded() -> [Change] {
        backoff.succeeded()
        retryDue = nil
        guard isAway else { return [] }
        isAway = false
        return [.back]
    }

    private static let shortestLifetime = TimeAmount.seconds(1)
}
