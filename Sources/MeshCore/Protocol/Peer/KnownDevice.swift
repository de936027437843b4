// SPDX-License-Identifier: Apache-2.0

import NIOCore

/// What a device knows of another one.
package struct KnownDevice: Equatable, Sendable {
    /// Whether and when the device is dialed while it has no connection.
    enum Dial: Equatable {
        case idle
        case waiting(until: NIODeadline)
        case dialing
    }

    /// As it greeted, else as the registry has it.
    package private(set) var name: String
    package private(set) var endpoints: [Endpoint]
    package private(set) var isListed: Bool
    package private(set) var connection: PeerConnectionFacts?
    private(set) var mayBeDialed: Bool
    private(set) var backoff: Backoff
    private var connectedSince: NIODeadline?
    /// When news last made the next dial a first one.
    private var hurriedAt: NIODeadline?
    var dial = Dial.idle
    /// People were told that the device is connected.
    var isAnnounced = false
    /// People know that the device can't be reached.
    var isKnownAway = false

    init(_ whereabouts: Whereabouts, backoff: Backoff, at now: NIODeadline) {
        name = whereabouts.shownName
        endpoints = whereabouts.endpoints
        (isListed, mayBeDialed) = (true, whereabouts.isVerified)
        self.backoff = backoff
        dial = .waiting(until: now)
    }

    /// A device that connected without being listed.
    init(unlisted name: String, backoff: Backoff) {
        (self.name, endpoints, isListed, mayBeDialed) = (name, [], false, false)
        self.backoff = backoff
    }

    /// When the device is to be dialed; nil for not at all.
    var dialDue: NIODeadline? {
        guard connection == nil, isListed, mayBeDialed, case .waiting(let due) = dial else { return nil }
        return due
    }

    /// The registry lists the device.
    ///
    /// At another address, or anew, it is dialed at once.
    mutating func seen(_ whereabouts: Whereabouts, at now: NIODeadline) {
        let isNews = !isListed || endpoints != whereabouts.endpoints || mayBeDialed != whereabouts.isVerified
        endpoints = whereabouts.endpoints
        (isListed, mayBeDialed) = (true, whereabouts.isVerified)
        if connection == nil { name = whereabouts.shownName }
        if isNews { hurry(at: now) }
    }

    /// Is dialed at once, as if for the first time.
    ///
    /// Not more often than the shortest wait: who invents news does not make this device dial without end.
    mutating func hurry(at now: NIODeadline) {
        guard dial != .dialing, isListed, hurriedAt.map({ $0 + backoff.shortest <= now }) ?? true else { return }
        hurriedAt = now
        backoff.succeeded()
        isKnownAway = false
        dial = .waiting(until: now)
    }

    mutating func notSeen() {
        isListed = false
    }

    mutating func connected(_ connection: PeerConnectionFacts, name: String, at now: NIODeadline) {
        self.connection = connection
        self.name = name
        connectedSince = now
        (isAnnounced, isKnownAway) = (true, false)
    }

    /// The next dial is a first one again where the connection lived for `steady`.
    mutating func connectionEnded(at now: NIODeadline, steadyAfter steady: TimeAmount) {
        if let connectedSince, connectedSince + steady <= now { backoff.succeeded() }
        (connection, connectedSince) = (nil, nil)
    }

    /// Plans the next dial; nil where the device is not to be dialed.
    mutating func redial(at now: NIODeadline, using generator: inout some RandomNumberGenerator) -> TimeAmount? {
        guard isListed, mayBeDialed else {
            dial = .idle
            return nil
        }
        let wait = backoff.failed(using: &generator)
        dial = .waiting(until: now + wait)
        return wait
    }
}

extension Whereabouts {
    /// The registry's name, else the id's short form.
    fileprivate var shownName: String { name ?? id.short }
}
