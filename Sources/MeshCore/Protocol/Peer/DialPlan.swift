// SPDX-License-Identifier: Apache-2.0

package import NIOCore

/// A way to a device.
///
/// Others may come beside the direct one: through a NAT, and through the relay.
package enum DialPath: Hashable, Sendable {
    case direct(Endpoint)

    package var endpoint: Endpoint {
        switch self {
        case .direct(let endpoint): endpoint
        }
    }
}

/// Where an address is, seen from here; the nearest is tried first.
package enum DialDistance: Int, Comparable, Sendable {
    /// On a network of this device's.
    case sameNetwork
    case `public`
    /// Of a private network that this device is not on, as far as it knows.
    case otherNetwork

    package static func < (left: Self, right: Self) -> Bool { left.rawValue < right.rawValue }
}

/// In which order, and when, a device's addresses are tried in one dial (RFC 8305, "Happy Eyeballs Version 2").
package struct DialPlan: Equatable, Sendable {
    package struct Attempt: Equatable, Sendable {
        package let path: DialPath
        package let distance: DialDistance
        /// When it begins, counted from the begin of the dial; sooner where all before have failed.
        package let after: TimeAmount
        /// For the TCP connection.
        package let timeout: TimeAmount
    }

    package let attempts: [Attempt]

    /// A plan for `endpoints`, each once: what failed the last time comes last; before that the near before the far, and
    /// of those what worked the last time first, IPv6 and IPv4 in turn.
    package init(
        _ endpoints: [Endpoint],
        memory: DialMemory = DialMemory(),
        at now: NIODeadline = .uptimeNanoseconds(0),
        isNear: (Endpoint) -> Bool = { _ in false }
    ) {
        var seen: Set<Endpoint> = []
        let candidates = endpoints.filter { $0.port > 0 && seen.insert($0).inserted }.map { endpoint in
            Candidate(endpoint, isNear: isNear(endpoint), opinion: memory.opinion(of: endpoint, at: now))
        }
        let ranks = Dictionary(grouping: candidates, by: \.rank).sorted { $0.key < $1.key }
        let ordered = ranks.flatMap { Self.interleaved($0.value) }.prefix(Self.mostAttempts)
        attempts = ordered.enumerated().map { position, candidate in
            Attempt(
                path: .direct(candidate.endpoint),
                distance: candidate.distance,
                after: Self.delay * Int64(position),
                timeout: Self.timeout
            )
        }
    }

    /// One IPv6 address, one IPv4 address, and so on; names count as the latter.
    private static func interleaved(_ candidates: [Candidate]) -> [Candidate] {
        let six = candidates.filter { $0.endpoint.host.contains(":") }
        let four = candidates.filter { !$0.endpoint.host.contains(":") }
        return (0..<max(six.count, four.count)).flatMap { six.dropFirst($0).prefix(1) + four.dropFirst($0).prefix(1) }
    }

    private static let mostAttempts = 16
    /// The Connection Attempt Delay that the RFC recommends.
    private static let delay = TimeAmount.milliseconds(250)
    private static let timeout = TimeAmount.seconds(3)
}

/// An address, and what decides about its turn.
private struct Candidate {
    struct Rank: Hashable, Comparable {
        let isBad: Bool
        let distance: DialDistance
        let isGood: Bool

        static func < (left: Rank, right: Rank) -> Bool {
            if left.isBad != right.isBad { return right.isBad }
            if left.distance != right.distance { return left.distance < right.distance }
            return left.isGood && !right.isGood
        }
    }

    let endpoint: Endpoint
    let distance: DialDistance
    let rank: Rank

    init(_ endpoint: Endpoint, isNear: Bool, opinion: DialMemory.Opinion) {
        self.endpoint = endpoint
        let isPrivate = IPAddress(endpoint.host)?.isPrivate ?? false
        distance = isNear ? .sameNetwork : isPrivate ? .otherNetwork : .public
        rank = Rank(isBad: opinion == .bad, distance: distance, isGood: opinion == .good)
    }
}

/// What became of the last attempts at addresses, for a while.
package struct DialMemory: Equatable, Sendable {
    package enum Opinion: Equatable, Sendable {
        case none
        case good
        case bad
    }

    private struct Note: Equatable {
        let worked: Bool
        let at: NIODeadline
    }

    private var notes: [Endpoint: Note] = [:]

    package init() {}

    package mutating func note(_ report: DialReport, at now: NIODeadline) {
        for result in report.results {
            switch result.outcome {
            case .chosen: notes[result.attempt.path.endpoint] = Note(worked: true, at: now)
            case .failed: notes[result.attempt.path.endpoint] = Note(worked: false, at: now)
            case .notTried, .cancelled: break
            }
        }
        guard notes.count > Self.most else { return }
        for (endpoint, _) in notes.sorted(by: { $0.value.at < $1.value.at }).prefix(notes.count - Self.most) {
            notes[endpoint] = nil
        }
    }

    func opinion(of endpoint: Endpoint, at now: NIODeadline) -> Opinion {
        guard let note = notes[endpoint], now < note.at + Self.lifetime else { return .none }
        return note.worked ? .good : .bad
    }

    private static let most = 1_024
    private static let lifetime = TimeAmount.minutes(10)
}

/// What became of each attempt of a dial.
package struct DialReport: Equatable, Sendable {
    package enum Outcome: Equatable, Sendable {
        /// Another one was faster than its turn came.
        case notTried
        /// Another one was faster.
        case cancelled
        case failed(DialFault)
        /// It was the first to prove the device's id.
        case chosen
    }

    package struct Result: Equatable, Sendable {
        package let attempt: DialPlan.Attempt
        /// From the begin of the dial.
        package var began: TimeAmount?
        /// From its own begin.
        package var took: TimeAmount?
        package var outcome = Outcome.notTried
    }

    package var results: [Result]

    package init(_ plan: DialPlan) {
        results = plan.attempts.map { Result(attempt: $0) }
    }

    /// The fault that tells people most, where none was chosen.
    var fault: DialFault {
        let faults = results.compactMap { result -> DialFault? in
            if case .failed(let fault) = result.outcome { fault } else { nil }
        }
        return faults.first(where: \.isTelling) ?? faults.last ?? .noAddress
    }
}
