// SPDX-License-Identifier: Apache-2.0

package import NIOCore

/// Finds devices as the earlier p2p program did: an announcement to a group, or to everybody, at once and each period;
/// each is answered once.
package struct AnnouncementSource: DiscoverySource {
    package static let period = TimeAmount.seconds(20)

    private let own: Announcement
    private let source: SightingSource
    private var newcomers: Newcomers
    private var limiter = RateLimiter(perHost: 20, overall: 500)
    /// Far below the other one: nobody uses this device to send to others.
    private var answers = RateLimiter(perHost: 2, overall: 100)
    package private(set) var counts = DatagramCounts()

    package init(_ own: Announcement, source: SightingSource = .multicast, period: TimeAmount = Self.period) {
        (self.own, self.source) = (own, source)
        newcomers = Newcomers(period: period)
    }

    package func announcement(from host: String) -> [UInt8] { own.bytes(from: host) }

    package func answer(from host: String) -> [UInt8] {
        var answer = own
        answer.isAnswer = true
        return answer.bytes(from: host)
    }

    package mutating func started(at now: NIODeadline) -> [DiscoveryAction] { announceIfDue(at: now) }

    package mutating func timerFired(at now: NIODeadline) -> [DiscoveryAction] { announceIfDue(at: now) }

    package mutating func received(_ datagram: Datagram, at now: NIODeadline) -> [DiscoveryAction] {
        do throws(DatagramFault) {
            guard limiter.allows(datagram.source.host, at: now) else { throw .tooMany }
            if let peer = EarlierPeer(announcedIn: datagram.bytes) {
                counts.accept()
                return [.metEarlier(peer)] + answer(datagram, at: now)
            }
            let announcement = try announcement(in: datagram)
            guard let endpoint = Endpoint(host: datagram.source.host, port: announcement.port) else {
                throw .invalidValue
            }
            counts.accept()
            var sighting = Sighting(
                id: announcement.id,
                endpoints: [endpoint],
                source: source,
                until: newcomers.lifetime(from: now)
            )
            (sighting.name, sighting.instance) = (announcement.name, announcement.instance)
            _ = newcomers.hears(announcement.id, at: now)
            let answer = announcement.isAnswer ? [] : answer(datagram, at: now)
            return [.sighted(sighting)] + answer + announceIfDue(at: now)
        } catch {
            counts.skip(error)
            return []
        }
    }

    private func announcement(in datagram: Datagram) throws(DatagramFault) -> Announcement {
        let announcement = try Announcement(parsing: datagram.bytes)
        guard announcement.id != own.id else { throw .own }
        return announcement
    }

    /// What came to this device alone may be the answer of an earlier program, whose answers do not say what they are.
    private mutating func answer(_ datagram: Datagram, at now: NIODeadline) -> [DiscoveryAction] {
        guard datagram.isToAll, answers.allows(datagram.source.host, at: now) else { return [] }
        counts.answer()
        return [.answer(to: datagram.source)]
    }

    private mutating func announceIfDue(at now: NIODeadline) -> [DiscoveryAction] {
        let isDue = newcomers.announces(at: now)
        return (isDue ? [.announce] : []) + (newcomers.due.map { [.setTimer($0)] } ?? [])
    }
}
