// SPDX-License-Identifier: Apache-2.0

package import NIOCore
import SwiftProtobuf

/// Tells which devices are alive: SWIM (Das, Gupta and Motivala, 2002) with the suspicion of Lifeguard (Dadgar, Phillips
/// and Currey, 2017).
///
/// Each period a few members are probed. One that does not answer is probed through others; one that answers nobody is
/// suspected, and dead when the suspicion has lasted. Who hears that it is suspected refutes it with a higher
/// incarnation. A device that does badly itself (answers that don't come, timers that are late) gives the others more
/// time: so a starved processor does not make the living look dead.
package struct FailureDetector: Equatable, Sendable {
    package enum Action: Equatable, Sendable {
        case send(WirePeerMessage.OneOf_Body, to: DeviceID)
        case changed(DeviceID, MemberState)
        /// How long a device took to answer.
        case measured(DeviceID, roundTrip: TimeAmount)
        /// Nothing is known of a device any more.
        case forgotten(DeviceID)
        /// Replaces the timer that was set before.
        case setTimer(NIODeadline)
    }

    struct Member: Equatable {
        var state = MemberState.alive
        var incarnation: UInt64 = 0
        var isConnected = false
        var suspicion: Suspicion?
    }

    /// A probe whose answer is waited for.
    struct Probe: Equatable {
        let target: DeviceID
        let sent: NIODeadline
        /// When others are asked to probe; nil when they were.
        var helpAt: NIODeadline?
        var until: NIODeadline
        /// Others that were asked to probe.
        var asked: Set<DeviceID> = []
        /// How many of them have not said that they hear nothing.
        var helpers = 0
    }

    /// A probe that is made for somebody else.
    struct Errand: Equatable {
        let number: UInt64
        let target: DeviceID
        let asker: DeviceID
        let until: NIODeadline
    }

    let ownID: DeviceID
    let timing: DetectorTiming
    var incarnation: UInt64
    var members: [DeviceID: Member] = [:]
    var probes: [UInt64: Probe] = [:]
    var errands: [UInt64: Errand] = [:]
    var lastNumber: UInt64 = 0
    /// Who is probed next; made anew when it is used up.
    var turns: [DeviceID] = []
    var gossip = Gossip()
    /// How badly this device does: 0 is well.
    package internal(set) var strain = 0
    var nextRound: NIODeadline?
    var timer: NIODeadline?

    /// `incarnation` is higher than at any start before.
    package init(ownID: DeviceID, incarnation: UInt64, timing: DetectorTiming = DetectorTiming()) {
        (self.ownID, self.incarnation, self.timing) = (ownID, incarnation, timing)
    }

    /// Those that are not dead; a suspect is alive until it isn't.
    package var living: Set<DeviceID> { Set(members.filter { $0.value.state != .dead }.keys) }

    package func state(of id: DeviceID) -> MemberState? { members[id]?.state }
}

/// What is known of a member's life.
package enum MemberState: Equatable, Sendable {
    case alive
    case suspect
    case dead
}

/// The times of a failure detector.
package struct DetectorTiming: Equatable, Sendable {
    /// Between two rounds of probes.
    package var period = TimeAmount.milliseconds(500)
    /// Members that are probed in a round.
    package var probes = 3
    /// Others that are asked to probe.
    package var helpers = 3

    package init() {}

    /// How long a suspicion lasts at least, and how long where nobody confirms it.
    var shortestSuspicion: TimeAmount { .nanoseconds(period.nanoseconds * 5 / 2) }
    var longestSuspicion: TimeAmount { period * 6 }
    /// Independent confirmations after which a suspicion lasts the shortest time.
    var confirmations: Int { 3 }
    var worstStrain: Int { 8 }
}

// What happens.
extension FailureDetector {
    /// A device has a connection with this one: it lives.
    package mutating func connected(_ id: DeviceID, at now: NIODeadline) -> [Action] {
        let before = members[id]
        let forgotten = before == nil ? makeRoom() : []
        members[id, default: Member()].isConnected = true
        // Whoever proves its id is there, whatever was said of it.
        members[id]?.state = .alive
        members[id]?.suspicion = nil
        if nextRound == nil { nextRound = now + timing.period }
        let change: [Action] = before?.state == .alive ? [] : [.changed(id, .alive)]
        return forgotten + change + schedule()
    }

    /// The connection is gone without a goodbye: the device may be as well.
    package mutating func disconnected(_ id: DeviceID, at now: NIODeadline) -> [Action] {
        guard members[id] != nil else { return [] }
        members[id]?.isConnected = false
        return suspect(id, incarnation: members[id]?.incarnation ?? 0, by: ownID, at: now) + schedule()
    }

    /// A device has taken its leave.
    package mutating func departed(_ id: DeviceID) -> [Action] {
        members[id] = nil
        gossip.forget(id)
        probes = probes.filter { $0.value.target != id }
        return [.forgotten(id)]
    }

    /// A device has said something, whatever it is: it lived when it did.
    package mutating func heard(_ id: DeviceID, at now: NIODeadline) -> [Action] {
        let answered = probes.first { $0.value.target == id }?.key
        if let answered { probeEnded(answered) }
        return isAlive(id, at: now) + (answered == nil ? [] : schedule())
    }

    package mutating func received(_ probe: WireProbe, from id: DeviceID, at now: NIODeadline) -> [Action] {
        // It may have been the first to be told that the connection stays; that this device lives is true.
        guard members[id] != nil else {
            return probe.target.isEmpty ? [send(.probeAnswer(.with { $0.number = probe.number }), to: id)] : []
        }
        var actions = heard(id, at: now) + heard(probe.news, from: id, at: now)
        guard let target = DeviceID(bytes: probe.target) else {
            actions.append(send(.probeAnswer(.with { $0.number = probe.number }), to: id))
            return actions + schedule()
        }
        guard members[target]?.isConnected == true, errands.count < Self.mostErrands else {
            actions.append(send(.probeAnswer(.with { ($0.number, $0.isMissing) = (probe.number, true) }), to: id))
            return actions + schedule()
        }
        lastNumber += 1
        errands[lastNumber] = Errand(
            number: probe.number,
            target: target,
            asker: id,
            until: now + timing.period.half.half
        )
        actions.append(send(.probe(.with { $0.number = lastNumber }), to: target))
        return actions + schedule()
    }

    package mutating func received(_ answer: WireProbeAnswer, from id: DeviceID, at now: NIODeadline) -> [Action] {
        guard members[id] != nil else { return [] }
        var actions: [Action] = []
        if let probe = probes[answer.number], probe.target == id {
            actions.append(.measured(id, roundTrip: now - probe.sent))
        }
        actions += heard(id, at: now) + heard(answer.news, from: id, at: now)
        if let errand = errands[answer.number], errand.target == id {
            errands[answer.number] = nil
            actions.append(send(.probeAnswer(.with { $0.number = errand.number }), to: errand.asker))
        } else if let probe = probes[answer.number], probe.asked.contains(id), !answer.isMissing {
            probeEnded(answer.number)
            actions += isAlive(probe.target, at: now)
        } else if probes[answer.number]?.asked.remove(id) != nil {
            // The helper hears this device, which is not to blame.
            probes[answer.number]?.helpers -= 1
        }
        return actions + schedule()
    }

    package mutating func timerFired(
        at now: NIODeadline,
        using generator: inout some RandomNumberGenerator
    ) -> [Action] {
        let late = timer.map { now - $0 } ?? .zero
        timer = nil
        if late > timing.period.half { forgive(late) }
        var actions: [Action] = []
        for (number, errand) in errands where errand.until <= now {
            errands[number] = nil
            actions.append(
                send(.probeAnswer(.with { ($0.number, $0.isMissing) = (errand.number, true) }), to: errand.asker)
            )
        }
        for (number, probe) in probes.sorted(by: { $0.key < $1.key }) {
            actions += due(probe, number, at: now, using: &generator)
        }
        for (id, member) in members.sorted(by: { $0.key < $1.key }) {
            if let suspicion = member.suspicion, until(suspicion) <= now { actions += died(id) }
        }
        if let round = nextRound, round <= now {
            nextRound = members.isEmpty ? nil : now + period
            for target in next(using: &generator) { actions += probe(target, at: now) }
        }
        return actions + schedule()
    }
}

// Probes.
extension FailureDetector {
    private static let mostErrands = 256
    private static let mostMembers = 1_024

    /// A device that does badly takes more time for everything.
    private var period: TimeAmount { timing.period * Int64(1 + strain) }

    private mutating func probe(_ target: DeviceID, at now: NIODeadline) -> [Action] {
        guard !probes.values.contains(where: { $0.target == target }) else { return [] }
        lastNumber += 1
        let isConnected = members[target]?.isConnected == true
        probes[lastNumber] = Probe(
            target: target,
            sent: now,
            helpAt: isConnected ? now + period.half : now,
            until: now + period
        )
        return isConnected ? [send(.probe(.with { $0.number = lastNumber }), to: target)] : []
    }

    /// A probe was answered, in whatever way.
    private mutating func probeEnded(_ number: UInt64) {
        probes[number] = nil
        strain = max(0, strain - 1)
        // Nobody is to be woken for it.
        if probes.isEmpty { timer = nil }
    }

    private mutating func due(
        _ probe: Probe,
        _ number: UInt64,
        at now: NIODeadline,
        using generator: inout some RandomNumberGenerator
    ) -> [Action] {
        if probe.until <= now {
            probes[number] = nil
            strain = min(timing.worstStrain, strain + max(0, probe.helpers))
            return suspect(probe.target, incarnation: members[probe.target]?.incarnation ?? 0, by: ownID, at: now)
        }
        guard let help = probe.helpAt, help <= now else { return [] }
        probes[number]?.helpAt = nil
        let others = members.filter { $0.key != probe.target && $0.value.isConnected && $0.value.state == .alive }
        let helpers = others.keys.sorted().shuffled(using: &generator).prefix(timing.helpers)
        probes[number]?.asked = Set(helpers)
        // Where there is nobody to ask, it may as well be this device.
        probes[number]?.helpers = max(1, helpers.count)
        return helpers.map { helper in
            send(.probe(.with { ($0.number, $0.target) = (number, probe.target.wire) }), to: helper)
        }
    }

    private mutating func next(using generator: inout some RandomNumberGenerator) -> [DeviceID] {
        var targets: [DeviceID] = []
        var refilled = false
        while targets.count < min(timing.probes, living.count) {
            if turns.isEmpty {
                if refilled { break }
                turns = living.sorted().shuffled(using: &generator)
                refilled = true
            }
            let id = turns.removeLast()
            if let state = members[id]?.state, state != .dead, !targets.contains(id) { targets.append(id) }
        }
        return targets
    }

    private mutating func makeRoom() -> [Action] {
        guard members.count >= Self.mostMembers else { return [] }
        return members.filter { $0.value.state == .dead }.keys.min().map { departed($0) } ?? []
    }

    /// Time that this device did not have is not counted against others.
    private mutating func forgive(_ late: TimeAmount) {
        strain = min(timing.worstStrain, strain + 1)
        probes = probes.mapValues { probe in
            var probe = probe
            (probe.helpAt, probe.until) = (probe.helpAt.map { $0 + late }, probe.until + late)
            return probe
        }
        for (id, member) in members {
            if let since = member.suspicion?.since { members[id]?.suspicion?.since = since + late }
        }
    }

    mutating func schedule() -> [Action] {
        let waits = probes.values.flatMap { [$0.helpAt, $0.until] } + errands.values.map(\.until)
        let suspicions = members.values.compactMap { $0.suspicion.map(until) }
        guard let next = (waits + suspicions + [nextRound]).compactMap(\.self).min() else { return [] }
        if let timer, timer <= next { return [] }
        timer = next
        return [.setTimer(next)]
    }
}

extension TimeAmount {
    fileprivate var half: TimeAmount { .nanoseconds(nanoseconds / 2) }
}
