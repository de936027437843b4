// SPDX-License-Identifier: Apache-2.0

package import NIOCore

/// Which devices a device knows, which connection it has to each, and when it dials whom.
///
/// Two devices may dial each other at the same moment. Of two connections between them both ends keep the same one,
/// without asking each other; ``PeerConnectionFacts`` is the rule.
package struct PeerTable: Sendable {
    package enum Action: Equatable, Sendable {
        /// To be answered with ``greeted(_:by:name:at:)`` or ``dialFailed(_:_:at:using:)``.
        case dial(DeviceID, [Endpoint])
        /// The connection, which the other side dialed, stays.
        case admit(Int)
        case close(Int, WireGoodbye.Reason)
        /// The registry is to be asked for a device, and the answer given to ``lookedUp(_:_:at:)``.
        case lookUp(DeviceID)
        case announce(PeerNews)
        /// Replaces the timer that was set before.
        case setTimer(NIODeadline)
    }

    /// A connection of a device that is not listed, which waits for the registry's answer.
    private struct Waiting: Equatable {
        let id: DeviceID
        let facts: PeerConnectionFacts
        let name: String
    }

    private let ownID: DeviceID
    private let policy: PeerPolicy
    private var devices: [DeviceID: KnownDevice] = [:]
    private var waiting: [Waiting] = []
    private var isFull = false
    private var timer: NIODeadline?

    package init(ownID: DeviceID, policy: PeerPolicy) {
        (self.ownID, self.policy) = (ownID, policy)
    }

    /// The devices that are known, by id.
    package var known: [DeviceID: KnownDevice] { devices }
}

// What happens.
extension PeerTable {
    /// The registry's whole list came.
    package mutating func listed(_ list: [Whereabouts], at now: NIODeadline) -> [Action] {
        var actions: [Action] = []
        let ids = Set(list.map(\.id))
        for id in devices.keys.filter({ !ids.contains($0) }).sorted() { actions += unlisted(id) }
        for whereabouts in list where whereabouts.id != ownID && policy.allows(whereabouts.id) {
            actions += listed(whereabouts, at: now)
        }
        return actions + dialDue(at: now)
    }

    /// The registry was asked for one device; nil if it does not list it, or can't be asked.
    package mutating func lookedUp(_ id: DeviceID, _ whereabouts: Whereabouts?, at now: NIODeadline) -> [Action] {
        var actions = whereabouts.map { listed($0, at: now) } ?? []
        let answered = waiting.filter { $0.id == id }
        waiting.removeAll { $0.id == id }
        for one in answered {
            if whereabouts == nil {
                actions += [.announce(.refused(id, name: one.name)), .close(one.facts.number, .notListed)]
            } else {
                actions += keep(one.facts, of: id, name: one.name, at: now)
            }
        }
        return actions + dialDue(at: now)
    }

    /// The other side of a connection greeted: it is `id`, which TLS has proven.
    package mutating func greeted(
        _ facts: PeerConnectionFacts,
        by id: DeviceID,
        name: String,
        at now: NIODeadline
    ) -> [Action] {
        if facts.direction == .outbound { devices[id]?.dial = .idle }
        // An outbound connection was dialed because the device was listed.
        if id == ownID { return [.close(facts.number, .notListed)] }
        guard policy.allows(id) else {
            return [.announce(.notAllowed(id, name: name)), .close(facts.number, .notListed)]
        }
        if policy.welcomes(facts) || devices[id]?.isListed == true {
            return keep(facts, of: id, name: name, at: now) + dialDue(at: now)
        }
        let isAsked = waiting.contains { $0.id == id }
        waiting.append(Waiting(id: id, facts: facts, name: name))
        return isAsked ? [] : [.lookUp(id)]
    }

    /// A device was started anew, as somebody says: it need not wait for its next dial.
    package mutating func restarted(_ id: DeviceID, at now: NIODeadline) -> [Action] {
        devices[id]?.hurry(at: now)
        return dialDue(at: now)
    }

    package mutating func dialFailed(
        _ id: DeviceID,
        _ fault: DialFault,
        at now: NIODeadline,
        using generator: inout some RandomNumberGenerator
    ) -> [Action] {
        guard var device = devices[id] else { return [] }
        device.dial = .idle
        var actions: [Action] = []
        if device.connection == nil {
            let wait = device.redial(at: now, using: &generator)
            if device.isAnnounced {
                // A connection ended as a duplicate of the one that this dial was to become.
                device.isAnnounced = false
                actions = [.announce(.lost(id, name: device.name, .lost, dialingAgainIn: wait))]
                device.isKnownAway = true
            } else if let wait, !device.isKnownAway, !fault.isPassing {
                actions = [.announce(.unreachable(id, name: device.name, fault, dialingAgainIn: wait))]
                device.isKnownAway = true
            }
        }
        devices[id] = device
        forgetIfUseless(id)
        return actions + dialDue(at: now)
    }

    /// A connection that was greeted on has ended.
    package mutating func connectionClosed(
        _ number: Int,
        _ end: PeerEnd,
        at now: NIODeadline,
        using generator: inout some RandomNumberGenerator
    ) -> [Action] {
        waiting.removeAll { $0.facts.number == number }
        // It may be the one of two that was closed: the device has another then.
        guard let (id, found) = devices.first(where: { $0.value.connection?.number == number }) else { return [] }
        var device = found
        device.connectionEnded(at: now, steadyAfter: policy.steady)
        var actions: [Action] = []
        // The other side prefers a connection that this side does not know of yet: a dial of ours may become it.
        let isMoving = end == .goodbye(.duplicate) && device.dial == .dialing
        if !isMoving {
            let wait = device.dial == .dialing ? nil : device.redial(at: now, using: &generator)
            device.isAnnounced = false
            device.isKnownAway = true
            actions = [.announce(.lost(id, name: device.name, end, dialingAgainIn: wait))]
        }
        devices[id] = device
        forgetIfUseless(id)
        return actions + dialDue(at: now)
    }

    package mutating func timerFired(at now: NIODeadline) -> [Action] {
        timer = nil
        return dialDue(at: now)
    }
}

// What the machine makes of it.
extension PeerTable {
    private mutating func listed(_ whereabouts: Whereabouts, at now: NIODeadline) -> [Action] {
        let id = whereabouts.id
        guard var device = devices[id] else {
            guard devices.count < policy.devices else {
                defer { isFull = true }
                return isFull ? [] : [.announce(.full(limit: policy.devices))]
            }
            let device = KnownDevice(whereabouts, backoff: policy.backoff, at: now)
            devices[id] = device
            return [.announce(.found(id, name: device.name, at: whereabouts.endpoints))]
        }
        let isFound = !device.isListed && device.connection == nil
        device.seen(whereabouts, at: now)
        devices[id] = device
        return isFound ? [.announce(.found(id, name: device.name, at: whereabouts.endpoints))] : []
    }

    /// A device that is not listed any more is not dialed any more; a connection stays.
    private mutating func unlisted(_ id: DeviceID) -> [Action] {
        guard var device = devices[id], device.isListed else { return [] }
        device.notSeen()
        devices[id] = device
        // Who was told that it left needs not be told that it is gone.
        let isGone = device.connection == nil && !device.isKnownAway
        forgetIfUseless(id)
        return isGone ? [.announce(.gone(id, name: device.name))] : []
    }

    /// Forgets a device of which nothing is left: the table holds what is listed, connected or being dialed.
    private mutating func forgetIfUseless(_ id: DeviceID) {
        guard let device = devices[id], !device.isListed, device.connection == nil, device.dial != .dialing else {
            return
        }
        devices[id] = nil
        isFull = false
    }

    /// A connection has greeted and may stay, unless the device has a better one.
    private mutating func keep(
        _ new: PeerConnectionFacts,
        of id: DeviceID,
        name: String,
        at now: NIODeadline
    ) -> [Action] {
        var device = devices[id] ?? KnownDevice(unlisted: name, backoff: policy.backoff)
        var actions: [Action] = []
        if let old = device.connection {
            if new.yields(to: old, between: ownID, and: id) { return [.close(new.number, .duplicate)] }
            actions.append(.close(old.number, .duplicate))
        } else if connected >= policy.peers {
            return [.close(new.number, .tooManyPeers)]
        }
        let isNews = !device.isAnnounced
        device.connected(new, name: name, at: now)
        devices[id] = device
        if new.direction == .inbound { actions.append(.admit(new.number)) }
        if isNews { actions.append(.announce(.connected(id, name: name, connection: new.number))) }
        return actions
    }

    private var connected: Int { devices.values.count { $0.connection != nil } }

    /// Dials who is due, as far as the bounds allow, and sets the timer for who is next.
    private mutating func dialDue(at now: NIODeadline) -> [Action] {
        var actions: [Action] = []
        var dialing = devices.values.count { $0.dial == .dialing }
        var room = policy.peers - connected - dialing
        var next: NIODeadline?
        for (id, device) in devices.sorted(by: { $0.key < $1.key }) {
            guard let due = device.dialDue else { continue }
            if due > now {
                next = min(next ?? due, due)
            } else if room > 0, dialing < policy.dials {
                devices[id]?.dial = .dialing
                actions.append(.dial(id, device.endpoints))
                (room, dialing) = (room - 1, dialing + 1)
            }
            // Who is due and finds no room is looked at again when a dial or a connection has ended.
        }
        if let next, next != timer {
            timer = next
            actions.append(.setTimer(next))
        }
        return actions
    }
}

extension DialFault {
    /// The other side has a connection with this device and will say so on it, or will find that it broke.
    fileprivate var isPassing: Bool {
        if case .ended(_, .goodbye(.duplicate)) = self { true } else { false }
    }
}
