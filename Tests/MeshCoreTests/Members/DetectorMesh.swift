// SPDX-License-Identifier: Apache-2.0

import MeshCore
import NIOCore
import TestSupport
import Testing

/// Failure detectors and masterships in virtual time, and between them a network that delays, reorders, loses and
/// repeats.
///
/// What it does most often is written out as loops: a thousand schedules are run without optimisation.
struct DetectorMesh {
    private struct Mail {
        let at: NIODeadline
        let from: Int
        let to: Int
        let body: WirePeerMessage.OneOf_Body
    }

    let ids: [DeviceID]
    var generator: SeededGenerator
    /// Of a thousand messages so many are lost, and so many come twice.
    var (lossPerMille, repeatsPerMille) = (0, 10)
    private(set) var now = NIODeadline.uptimeNanoseconds(1_000_000_000)
    /// How far each device's clock is ahead, and how many of a million nanoseconds it runs fast: up to an hour and a
    /// hundredth.
    private let skews: [(ahead: Int64, drift: Int64)]
    /// What each was told of the others.
    private(set) var told: [[(DeviceID, MemberState)]]
    private var detectors: [FailureDetector]
    private var masters: [Mastership]
    private var mail: [Mail] = []
    private var timers: [NIODeadline?]
    private var killed: Set<Int> = []
    /// Until when a device gets no processor.
    private var starved: [Int: NIODeadline] = [:]
    /// Which devices hear each other; nil for all.
    private var sides: [Int]?

    init(devices count: Int, seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        ids = try (0..<count).map { _ in
            var bytes = (0..<16).map { _ in UInt8.random(in: .min ... .max, using: &generator) }
            (bytes[6], bytes[8]) = (bytes[6] & 0x0F | 0x80, bytes[8] & 0x3F | 0x80)
            return try #require(DeviceID(bytes: bytes))
        }
        skews = ids.map { _ in
            (
                Int64.random(in: 0...3_600_000_000_000, using: &generator),
                Int64.random(in: -10_000...10_000, using: &generator)
            )
        }
        self.generator = generator
        detectors = ids.map { FailureDetector(ownID: $0, incarnation: 1) }
        masters = ids.map { Mastership(ownID: $0, term: 0) }
        timers = ids.map { _ in nil }
        told = ids.map { _ in [] }
        for device in ids.indices { perform(masters[device].started(), by: device) }
        for one in ids.indices { for other in ids.indices where one < other { join(one, other) } }
    }

    var survivors: [Int] { ids.indices.filter { !killed.contains($0) } }

    func state(of other: Int, at device: Int) -> MemberState? { detectors[device].state(of: ids[other]) }

    func claim(at device: Int) -> Mastership.Claim? { masters[device].claim }

    func agreeing(at device: Int) -> Int { masters[device].agreeing }

    /// Without a goodbye, and without the end of its connections being seen.
    mutating func kill(_ device: Int) { killed.insert(device) }

    mutating func starve(_ device: Int, for time: TimeAmount) { starved[device] = now + time }

    /// Splits the network; connections over the split break.
    mutating func split(_ sides: [Int]) {
        self.sides = sides
        mail.removeAll { sides[$0.from] != sides[$0.to] }
        for one in ids.indices {
            for other in ids.indices where sides[one] != sides[other] {
                perform(detectors[one].disconnected(ids[other], at: clock(of: one)), by: one)
            }
        }
    }

    mutating func heal() {
        let before = sides ?? []
        sides = nil
        for one in ids.indices {
            for other in ids.indices where one < other && before[one] != before[other] { join(one, other) }
        }
    }

    mutating func run(for time: TimeAmount) {
        let end = now + time
        while let next = nextMoment(), next <= end {
            now = max(now, next)
            deliverDue()
            fireDue()
        }
        now = end
    }
}

extension DetectorMesh {
    private mutating func join(_ one: Int, _ other: Int) {
        for (device, peer) in [(one, other), (other, one)] where !killed.contains(device) {
            perform(detectors[device].connected(ids[peer], at: clock(of: device)), by: device)
            perform(masters[device].connected(ids[peer]), by: device)
        }
    }

    /// What a device's clock shows.
    private func clock(of device: Int) -> NIODeadline {
        let elapsed = (now - .uptimeNanoseconds(0)).nanoseconds
        return now + .nanoseconds(skews[device].ahead + elapsed * skews[device].drift / 1_000_000)
    }

    /// The first moment at which a device's clock shows `deadline`.
    private func moment(of deadline: NIODeadline, at device: Int) -> NIODeadline {
        let shown = (deadline - .uptimeNanoseconds(0)).nanoseconds - skews[device].ahead
        let rate = 1_000_000 + skews[device].drift
        return .uptimeNanoseconds(UInt64((shown * 1_000_000 + rate - 1) / rate + 1))
    }

    private func nextMoment() -> NIODeadline? {
        var next: NIODeadline?
        for letter in mail {
            let at = awake(letter.to, letter.at)
            if next.map({ at < $0 }) ?? true { next = at }
        }
        for device in ids.indices {
            guard let timer = timers[device] else { continue }
            let at = awake(device, timer)
            if next.map({ at < $0 }) ?? true { next = at }
        }
        return next
    }

    /// What happens to a starved device happens later.
    private func awake(_ device: Int, _ time: NIODeadline) -> NIODeadline {
        if starved.isEmpty { return time }
        return max(time, starved[device] ?? time)
    }

    private mutating func deliverDue() {
        var (due, later): ([Mail], [Mail]) = ([], [])
        for letter in mail {
            if awake(letter.to, letter.at) <= now { due.append(letter) } else { later.append(letter) }
        }
        if due.isEmpty { return }
        mail = later
        if due.count > 1 { due.sort { $0.at < $1.at } }
        for letter in due where !killed.contains(letter.to) {
            let sender = ids[letter.from]
            switch letter.body {
            case .probe(let probe):
                perform(detectors[letter.to].received(probe, from: sender, at: clock(of: letter.to)), by: letter.to)
            case .probeAnswer(let answer):
                perform(detectors[letter.to].received(answer, from: sender, at: clock(of: letter.to)), by: letter.to)
            case .masterClaim(let claim): perform(masters[letter.to].received(claim, from: sender), by: letter.to)
            case .greeting, .heartbeat, .heartbeatAnswer, .acknowledgement, .goodbye, .resume, .storeDigest,
                .storeRequest, .storeAnswer, .storePush:
                break
            }
        }
    }

    private mutating func fireDue() {
        for device in ids.indices {
            guard let timer = timers[device], awake(device, timer) <= now else { continue }
            timers[device] = nil
            if killed.contains(device) { continue }
            perform(detectors[device].timerFired(at: clock(of: device), using: &generator), by: device)
        }
    }

    private mutating func perform(_ actions: [FailureDetector.Action], by device: Int) {
        for action in actions {
            switch action {
            case .send(let body, let id): post(body, from: device, to: id)
            case .changed(let id, let state): told[device].append((id, state))
            case .forgotten(let id): masters[device].forgot(id)
            case .measured: break
            case .setTimer(let deadline): timers[device] = moment(of: deadline, at: device)
            }
        }
        guard !actions.isEmpty, !killed.contains(device) else { return }
        perform(masters[device].changed(living: detectors[device].living), by: device)
    }

    private mutating func perform(_ actions: [Mastership.Action], by device: Int) {
        for action in actions {
            switch action {
            case .broadcast(let body): for id in ids where id != ids[device] { post(body, from: device, to: id) }
            case .send(let body, let id): post(body, from: device, to: id)
            case .changed, .keep: break
            }
        }
    }

    private mutating func post(_ body: WirePeerMessage.OneOf_Body, from: Int, to id: DeviceID) {
        guard let to = ids.firstIndex(of: id), sides.map({ $0[from] == $0[to] }) ?? true else { return }
        if case .masterClaim = body {} else if Int.random(in: 0..<1_000, using: &generator) < lossPerMille { return }
        // A connection repeats nothing: but one that was replaced may have said it as well.
        let copies = Int.random(in: 0..<1_000, using: &generator) < repeatsPerMille ? 2 : 1
        for _ in 0..<copies {
            let delay = TimeAmount.microseconds(Int64.random(in: 100...20_000, using: &generator))
            mail.append(Mail(at: now + delay, from: from, to: to, body: body))
        }
    }
}
