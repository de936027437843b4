// SPDX-License-Identifier: Apache-2.0

package import NIOCore

/// Finds devices by asking each address of some ranges, at a steady pace.
package struct ScanSource<Generator: RandomNumberGenerator & Sendable>: DiscoverySource {
    private struct Probe {
        let target: Endpoint
        let until: NIODeadline
    }

    private let ownID: DeviceID
    private let ranges: [ScanRange]
    private let period: TimeAmount
    private var generator: Generator
    private var limiter = RateLimiter(perHost: 50, overall: 1_000)
    package private(set) var counts = DatagramCounts()
    private var open: [ScanNonce: Probe] = [:]
    /// In the order of their deadlines.
    private var order: [ScanNonce] = []
    private var range = 0
    private var index = 0
    private var asked = 0
    private var found: Set<DeviceID> = []
    private var nextScan: NIODeadline?
    private var toldAt: NIODeadline?

    /// Scans in a row that found nobody.
    private var emptyScans = 0

    /// Asks all of `ranges`, and again a `period` after the end; sooner while nobody was found, who may only be starting.
    package init(ownID: DeviceID, ranges: [ScanRange], period: TimeAmount, generator: Generator) {
        (self.ownID, self.ranges, self.period, self.generator) = (ownID, ranges, period, generator)
    }

    package func announcement(from host: String) -> [UInt8] { [] }

    package mutating func started(at now: NIODeadline) -> [DiscoveryAction] {
        (range, index, asked, found, nextScan) = (0, 0, 0, [], nil)
        return timerFired(at: now)
    }

    package mutating func timerFired(at now: NIODeadline) -> [DiscoveryAction] {
        if let nextScan {
            return nextScan <= now ? started(at: now) : [.setTimer(nextScan)]
        }
        forget(at: now)
        var actions: [DiscoveryAction] = []
        for _ in 0..<ScanPace.burst where open.count < ScanPace.inFlight {
            guard let target = nextTarget() else { break }
            actions.append(.send(ask(target, at: now), to: target))
        }
        return actions + tell(at: now) + schedule(at: now)
    }

    package mutating func received(_ datagram: Datagram, at now: NIODeadline) -> [DiscoveryAction] {
        do {
            guard limiter.allows(datagram.source.host, at: now) else { throw DatagramFault.tooMany }
            let answer = try ScanAnswer(parsing: datagram.bytes)
            guard let probe = open[answer.nonce], probe.target == datagram.source, probe.until > now else {
                throw DatagramFault.notAsked
            }
            open[answer.nonce] = nil
            guard answer.id != ownID else { throw DatagramFault.own }
            guard let endpoint = Endpoint(host: datagram.source.host, port: answer.port) else {
                throw DatagramFault.invalidValue
            }
            counts.accept()
            found.insert(answer.id)
            var sighting = Sighting(id: answer.id, endpoints: [endpoint], source: .scan, until: now + period * 3)
            sighting.instance = answer.instance
            return [.sighted(sighting)]
        } catch let fault as DatagramFault {
            counts.skip(fault)
            return []
        } catch {
            return []
        }
    }

    private var total: Int { ranges.reduce(0) { $0 + $1.count } }

    private mutating func nextTarget() -> Endpoint? {
        while range < ranges.count {
            if let target = ranges[range].target(index) {
                index += 1
                return target
            }
            (range, index) = (range + 1, 0)
        }
        return nil
    }

    private mutating func ask(_ target: Endpoint, at now: NIODeadline) -> [UInt8] {
        let nonce = ScanNonce(using: &generator)
        open[nonce] = Probe(target: target, until: now + ScanPace.patience)
        order.append(nonce)
        asked += 1
        return ScanProbe(nonce: nonce).bytes
    }

    /// Those to which no answer came in time.
    private mutating func forget(at now: NIODeadline) {
        let late = order.prefix { nonce in open[nonce].map { $0.until <= now } ?? true }
        for nonce in late { open[nonce] = nil }
        order.removeFirst(late.count)
    }

    private mutating func tell(at now: NIODeadline) -> [DiscoveryAction] {
        let isDone = isDone
        if !isDone, let toldAt, toldAt + ScanPace.telling > now { return [] }
        toldAt = now
        return [.progress(asked: asked, of: total, found: found.count)]
    }

    private var isDone: Bool { asked >= total && open.isEmpty }

    private mutating func schedule(at now: NIODeadline) -> [DiscoveryAction] {
        guard isDone else { return [.setTimer(now + ScanPace.tick)] }
        emptyScans = found.isEmpty ? emptyScans + 1 : 0
        let wait = found.isEmpty ? min(period, ScanPace.soon * (1 << Int64(min(emptyScans, 16) - 1))) : period
        nextScan = now + wait
        return [.setTimer(now + wait)]
    }
}

/// How fast a scan goes: 500 addresses a second, so that a network of 254 takes a second with its last answers.
private enum ScanPace {
    static let tick = TimeAmount.milliseconds(10)
    static let burst = 5
    static let inFlight = 256
    static let patience = TimeAmount.milliseconds(500)
    static let soon = TimeAmount.seconds(5)
    static let telling = TimeAmount.milliseconds(200)
}
