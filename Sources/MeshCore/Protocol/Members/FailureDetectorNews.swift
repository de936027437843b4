// SPDX-License-Identifier: Apache-2.0

import NIOCore
import SwiftProtobuf

// What becomes of members.
extension FailureDetector {
    /// A member was heard of now, by itself or by a helper.
    mutating func isAlive(_ id: DeviceID, at now: NIODeadline) -> [Action] {
        guard let member = members[id], member.state != .dead, let suspicion = member.suspicion else { return [] }
        // A suspect refutes what is said of it itself: others have to hear it as well. But it was not dead before now.
        guard suspicion.suspectors == [ownID] else {
            members[id]?.suspicion?.since = now
            return []
        }
        members[id]?.suspicion = nil
        members[id]?.state = .alive
        return [.changed(id, .alive)]
    }

    mutating func suspect(
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

    mutating func died(_ id: DeviceID) -> [Action] {
        members[id]?.state = .dead
        members[id]?.suspicion = nil
        probes = probes.filter { $0.value.target != id }
        return [.changed(id, .dead)] + tell(id)
    }

    /// The more devices suspect it by themselves, the sooner a suspicion ends.
    func until(_ suspicion: Suspicion) -> NIODeadline {
        let others = members.values.count { $0.state == .alive }
        let needed = min(timing.confirmations, others)
        let (shortest, longest) = (timing.shortestSuspicion, timing.longestSuspicion)
        let confirmed = suspicion.suspectors.count - 1
        let share = needed == 0 ? 0 : max(0, Int64(needed - confirmed))
        let extra =
            needed == 0 ? .zero : TimeAmount.nanoseconds((longest - shortest).nanoseconds * share / Int64(needed))
        return suspicion.since + (shortest + extra) * Int64(1 + strain / 4)
    }

    /// No device counts so far, and whoever says so wants to leave the device that it is about no higher one; which a
    /// refutation may go beyond.
    private static let limit: UInt64 = 1 << 62
    private static let refutationLimit: UInt64 = 1 << 63

    mutating func heard(_ news: [WireMemberNews], from id: DeviceID, at now: NIODeadline) -> [Action] {
        // Of what is said of this device the worst is enough to answer.
        let accusation = news.prefix(Gossip.most).filter {
            DeviceID(bytes: $0.member) == ownID && $0.state != .alive && $0.incarnation < Self.limit
        }.max { $0.incarnation < $1.incarnation }
        let refutation = accusation.map { refute($0, from: id) } ?? []
        return refutation
            + news.prefix(Gossip.most).flatMap { item -> [Action] in
                let limit = item.state == .alive ? Self.refutationLimit : Self.limit
                guard let member = DeviceID(bytes: item.member), item.incarnation < limit else { return [] }
                return member == ownID ? [] : heard(item, of: member, from: id, at: now)
            }
    }

    mutating func heard(
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
            let suspector = DeviceID(bytes: news.by).flatMap { members[$0] == nil ? nil : $0 }
            return suspect(id, incarnation: news.incarnation, by: suspector ?? teller, at: now)
        case .dead:
            // A connection that lives says otherwise: then it is only a suspicion, which the device can refute.
            guard member.state != .dead, news.incarnation >= member.incarnation else { return [] }
            if member.isConnected { return suspect(id, incarnation: news.incarnation, by: teller, at: now) }
            return died(id)
        case .UNRECOGNIZED: return []
        }
    }

    /// It is said that this device is dead or may be.
    mutating func refute(_ news: WireMemberNews, from teller: DeviceID) -> [Action] {
        let isKnown = news.incarnation < incarnation
        if !isKnown {
            incarnation = news.incarnation + 1
            strain = min(timing.worstStrain, strain + 1)
        }
        gossip.add(ownID, .with { ($0.member, $0.incarnation) = (ownID.wire, incarnation) })
        // Who has not heard of the incarnation there is only has to be told of it; to tell all of them for each of them
        // would be a message for each pair.
        return isKnown ? [tellNews(to: teller)] : broadcast()
    }

    /// Everybody is told what is thought of a member.
    mutating func tell(_ id: DeviceID) -> [Action] {
        gossip.add(id, members[id]?.news(of: id, by: ownID))
        return broadcast()
    }

    mutating func broadcast() -> [Action] {
        let connected = members.filter { $0.value.isConnected && $0.value.state != .dead }.keys.sorted()
        return connected.map { tellNews(to: $0) }
    }

    /// By a probe whose answer nobody waits for.
    private mutating func tellNews(to id: DeviceID) -> Action {
        lastNumber += 1
        return send(.probe(.with { $0.number = lastNumber }), to: id)
    }

    /// News go along with each probe and answer, those of the receiver first.
    mutating func send(_ body: WirePeerMessage.OneOf_Body, to id: DeviceID) -> Action {
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

/// That a member may be dead, and who thinks so.
struct Suspicion: Equatable {
    var since: NIODeadline
    var suspectors: Set<DeviceID>
}
