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
        /// Replaces the timer that was set before.
        case setTimer(NIODeadline)
    }

    fileprivate struct Member: Equatable {
        var state = MemberState.alive
        var incarnation: UInt64 = 0
        var isConnected = false
        var suspicion: Suspicion?
    }

    /// A probe whose answer is waited for.
    private struct Probe: Equatable {
        let target: DeviceID
        /// When others are asked to probe; nil when they were.
        var helpAt: NIODeadline?
        var until: NIODeadline
        /// Others that were asked to probe, and have not said that they hear nothing.
        var helpers = 0
    }

    /// A probe that is made for somebody else.
    private struct Errand: Equatable {
        let number: UInt64
        let asker: DeviceID
        let until: NIODeadline
    }

    private let ownID: DeviceID
    private let timing: DetectorTiming
    private var incarnation: UInt64
    private var members: [DeviceID: Member] = [:]
    private var probes: [UInt64: Probe] = [:]
    private var errands: [UInt64: Errand] = [:]
    private var lastNumber: UInt64 = 0
    /// Who is probed next; made anew when it is used up.
    private var turns: [DeviceID] = []
    private var gossip = Gossip()
    /// How badly this device does: 0 is well.
    package private(set) var strain = 0
    private var nextRound: NIODeadline?
    private var timer: NIODeadline?

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
    package var probes = 4
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
        if before == nil { makeRoom() }
        members[id, default: Member()].isConnected = true
        // Whoever proves its id is there, whatever was said of it.
        members[id]?.state = .alive
        members[id]?.suspicion = nil
        if nextRound == nil { nextRound = now + timing.period }
        let change: [Action] = before?.state == .alive ? [] : [.changed(id, .alive)]
        return change + schedule()
    }

    /// The connection is gone without a goodbye: the device may be as well.
    package mutating func disconnected(_ id: DeviceID, at now: NIODeadline) -> [Action] {
        guard members[id] != nil else { return [] }
        members[id]?.isConnected = false
        return suspect(id, incarnation: members[id]?.incarnation ?? 0, by: ownID, at: now) + schedule()
    }

    /// A device has taken its leave.
    package mutating func departed(_ id: DeviceID) {
        members[id] = nil
        gossip.forget(id)
        probes = probes.filter { $0.value.target != id }
    }

    package mutating func received(_ probe: WireProbe, from id: DeviceID, at now: NIODeadline) -> [Action] {
        guard members[id] != nil else { return [] }
        var actions = heard(probe.news, from: id, at: now)
        guard let target = DeviceID(bytes: probe.target) else {
            actions.append(send(.probeAnswer(.with { $0.number = probe.number }), to: id))
            return actions + schedule()
        }
        guard members[target]?.isConnected == true, errands.count < Self.mostErrands else {
            actions.append(send(.probeAnswer(.with { ($0.number, $0.isMissing) = (probe.number, true) }), to: id))
            return actions + schedule()
        }
        lastNumber += 1
        errands[lastNumber] = Errand(number: probe.number, asker: id, until: now + timing.period.half.half)
        actions.append(send(.probe(.with { $0.number = lastNumber }), to: target))
        return actions + schedule()
    }

    package mutating func received(_ answer: WireProbeAnswer, from id: DeviceID, at now: NIODeadline) -> [Action] {
        guard members[id] != nil else { return [] }
        var actions = heard(answer.news, from: id, at: now)
        if let errand = errands.removeValue(forKey: answer.number) {
            actions.append(send(.probeAnswer(.with { $0.number = errand.number }), to: errand.asker))
        } else if let probe = probes[answer.number], !answer.isMissing {
            probes[answer.number] = nil
            strain = max(0, strain - 1)
            actions += answered(probe.target)
        } else if probes[answer.number] != nil {
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
        probes[lastNumber] = Probe(target: target, helpAt: isConnected ? now + period.half : now, until: now + period)
        return isConnected ? [send(.probe(.with { $0.number = lastNumber }), to: target)] : []
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

    private mutating func makeRoom() {
        guard members.count >= Self.mostMembers else { return }
        if let dead = members.filter({ $0.value.state == .dead }).keys.min() { departed(dead) }
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
}

// What becomes of members.
extension FailureDetector {
    private mutating func answered(_ id: DeviceID) -> [Action] {
        guard let member = members[id], member.state != .dead else { return [] }
        // A suspect refutes what is said of it itself: others have to hear it as well. But this device knows better.
        guard member.suspicion?.suspectors == [ownID] else { return [] }
        members[id]?.suspicion = nil
        members[id]?.state = .alive
        return [.changed(id, .alive)]
    }

    private mutating func suspect(
        _ id: DeviceID,
        incarnation: UInt64,
        by suspector: DeviceID,
        at now: NIODeadline
    ) -> [Action] {
        guard let member = members[id], member.state != .dead, incarnation >= member.incarnation else { return [] }
        members[id]?.incarnation = incarnation
        if member.suspicion != nil {
            let isNews = members[id]?.suspicion?.suspectors.insert(suspector).inserted ?? false
            return isNews && suspector == ownID ? tell(id) : []
        }
        members[id]?.suspicion = Suspicion(since: now, suspectors: [suspector])
        members[id]?.state = .suspect
        return [.changed(id, .suspect)] + (suspector == ownID ? tell(id) : [])
    }

    private mutating func died(_ id: DeviceID) -> [Action] {
        members[id]?.state = .dead
        members[id]?.suspicion = nil
        probes = probes.filter { $0.value.target != id }
        return [.changed(id, .dead)] + tell(id)
    }

    /// The more devices suspect it by themselves, the sooner a suspicion ends.
    private func until(_ suspicion: Suspicion) -> NIODeadline {
        let others = members.values.count { $0.state == .alive }
        let needed = min(timing.confirmations, others)
        let (shortest, longest) = (timing.shortestSuspicion, timing.longestSuspicion)
        let confirmed = suspicion.suspectors.count - 1
        let share = needed == 0 ? 0 : max(0, Int64(needed - confirmed))
        let extra =
            needed == 0 ? .zero : TimeAmount.nanoseconds((longest - shortest).nanoseconds * share / Int64(needed))
        return suspicion.since + (shortest + extra) * Int64(1 + strain / 4)
    }

    private mutating func heard(_ news: [WireMemberNews], from id: DeviceID, at now: NIODeadline) -> [Action] {
        news.prefix(Gossip.most).flatMap { item -> [Action] in
            guard let member = DeviceID(bytes: item.member) else { return [] }
            if member == ownID { return refute(item) }
            return heard(item, of: member, from: id, at: now)
        }
    }

    private mutating func heard(
        _ news: WireMemberNews,
        of id: DeviceID,
        from teller: DeviceID,
        at now: NIODeadline
    ) -> [Action] {
        guard let member = members[id] else { return [] }
        switch news.state {
        case .alive:
            guard news.incarnation > member.incarnation, member.state != .dead else { return [] }
            members[id]?.incarnation = news.incarnation
            members[id]?.suspicion = nil
            members[id]?.state = .alive
            gossip.add(id, members[id]?.news(of: id, by: ownID))
            return member.state == .alive ? [] : [.changed(id, .alive)]
        case .suspect:
            return suspect(id, incarnation: news.incarnation, by: DeviceID(bytes: news.by) ?? teller, at: now)
        case .dead:
            // A connection that lives says otherwise: then it is only a suspicion, which the device can refute.
            guard member.state != .dead, news.incarnation >= member.incarnation else { return [] }
            if member.isConnected { return suspect(id, incarnation: news.incarnation, by: teller, at: now) }
            return died(id)
        case .UNRECOGNIZED: return []
        }
    }

    /// It is said that this device is dead or may be.
    private mutating func refute(_ news: WireMemberNews) -> [Action] {
        guard news.state != .alive, news.incarnation < .max else { return [] }
        // Who has not heard of the incarnation there is only has to be told of it.
        if news.incarnation >= incarnation {
            incarnation = news.incarnation + 1
            strain = min(timing.worstStrain, strain + 1)
        }
        let refutation = WireMemberNews.with { ($0.member, $0.incarnation) = (ownID.wire, incarnation) }
        gossip.add(ownID, refutation)
        return broadcast()
    }

    /// Everybody is told what is thought of a member.
    private mutating func tell(_ id: DeviceID) -> [Action] {
        gossip.add(id, members[id]?.news(of: id, by: ownID))
        return broadcast()
    }

    private mutating func broadcast() -> [Action] {
        let connected = members.filter { $0.value.isConnected && $0.value.state != .dead }.keys.sorted()
        return connected.map { id in
            // Nobody waits for its answer.
            lastNumber += 1
            return send(.probe(.with { $0.number = lastNumber }), to: id)
        }
    }

    /// News go along with each probe and answer, those of the receiver first.
    private mutating func send(_ body: WirePeerMessage.OneOf_Body, to id: DeviceID) -> Action {
        var news = gossip.take(among: members.count)
        if let member = members[id], member.state == .suspect, !news.contains(where: { $0.member == id.wire }) {
            news.append(member.news(of: id, by: ownID))
        }
        switch body {
        case .probe(var probe):
            probe.news = news
            return .send(.probe(probe), to: id)
        case .probeAnswer(var answer):
            answer.news = news
            return .send(.probeAnswer(answer), to: id)
        case .greeting, .heartbeat, .heartbeatAnswer, .acknowledgement, .goodbye, .resume, .storeDigest, .storeRequest,
            .storeAnswer, .storePush, .masterClaim:
            return .send(body, to: id)
        }
    }

    private mutating func schedule() -> [Action] {
        let waits = probes.values.flatMap { [$0.helpAt, $0.until] } + errands.values.map(\.until)
        let suspicions = members.values.compactMap { $0.suspicion.map(until) }
        guard let next = (waits + suspicions + [nextRound]).compactMap(\.self).min() else { return [] }
        if let timer, timer <= next { return [] }
        timer = next
        return [.setTimer(next)]
    }
}

extension FailureDetector.Member {
    /// What is told of the member, by a device.
    func news(of id: DeviceID, by teller: DeviceID) -> WireMemberNews {
        .with {
            ($0.member, $0.incarnation) = (id.wire, incarnation)
            switch state {
            case .alive: $0.state = .alive
            case .suspect: ($0.state, $0.by) = (.suspect, teller.wire)
            case .dead: $0.state = .dead
            }
        }
    }
}

extension TimeAmount {
    fileprivate var half: TimeAmount { .nanoseconds(nanoseconds / 2) }
}

/// That a member may be dead, and who thinks so.
struct Suspicion: Equatable {
    var since: NIODeadline
    var suspectors: Set<DeviceID>
}
