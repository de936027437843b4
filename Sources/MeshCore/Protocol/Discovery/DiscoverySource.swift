// SPDX-License-Identifier: Apache-2.0

package import NIOCore

/// One way to learn by datagrams which devices there are.
///
/// What a source learns is no more than a hint: TLS proves who is at an address.
package protocol DiscoverySource: Sendable {
    mutating func started(at now: NIODeadline) -> [DiscoveryAction]
    mutating func received(_ datagram: Datagram, at now: NIODeadline) -> [DiscoveryAction]
    mutating func timerFired(at now: NIODeadline) -> [DiscoveryAction]
    /// What is said to everybody at once, from the interface with the address `host`; empty for a source that does not.
    func announcement(from host: String) -> [UInt8]
    /// What is answered to one host, from the interface with the address `host`; empty for a source that does not.
    func answer(from host: String) -> [UInt8]
    /// What came and what became of it.
    var counts: DatagramCounts { get }
}

extension DiscoverySource {
    package func answer(from host: String) -> [UInt8] { [] }
}

/// What is to be done for a source, in this order.
package enum DiscoveryAction: Equatable, Sendable {
    /// The source's announcement is to be sent to everybody, from each interface.
    case announce
    case send([UInt8], to: Endpoint)
    /// The source's answer is to be sent there, from the interface that leads there.
    case answer(to: Endpoint)
    /// A peer of the earlier p2p program is there, whose id no key can prove.
    case metEarlier(EarlierPeer)
    case sighted(Sighting)
    /// So many of a scan's addresses were asked, and so many devices answered.
    case progress(asked: Int, of: Int, found: Int)
    /// Replaces the timer that was set before.
    case setTimer(NIODeadline)
}

/// A datagram that came.
package struct Datagram: Equatable, Sendable {
    package let bytes: [UInt8]
    /// Whom the network names as its sender, which may be a lie; an IPv6 address of a link has its zone.
    package let source: Endpoint
    /// Whether it was sent to everybody, and not to this device alone.
    package let isToAll: Bool

    package init(bytes: [UInt8], source: Endpoint, isToAll: Bool) {
        (self.bytes, self.source, self.isToAll) = (bytes, source, isToAll)
    }
}

/// Why a datagram was skipped.
package enum DatagramFault: Error, Equatable, Hashable, CaseIterable, Sendable {
    case empty
    /// It ends before what it announces.
    case truncated
    /// Longer than any that has a meaning.
    case tooLong
    case wrongMagic
    case malformed
    /// A port or an id that no device can have.
    case invalidValue
    /// It was sent by this device itself.
    case own
    /// Its sender, or all together, sent too much.
    case tooMany
    /// It answers nothing that was asked.
    case notAsked

    /// For people.
    package var name: String {
        switch self {
        case .empty: "empty"
        case .truncated: "truncated"
        case .tooLong: "too long"
        case .wrongMagic: "of another protocol"
        case .malformed: "malformed"
        case .invalidValue: "with an invalid port or id"
        case .own: "own"
        case .tooMany: "too many"
        case .notAsked: "not asked for"
        }
    }
}

/// What came to a source, and what was skipped of it.
package struct DatagramCounts: Equatable, Sendable {
    package private(set) var accepted = 0
    package private(set) var answered = 0
    package private(set) var skipped: [DatagramFault: Int] = [:]

    package init() {}

    package mutating func accept() { accepted += 1 }
    package mutating func answer() { answered += 1 }
    package mutating func skip(_ fault: DatagramFault) { skipped[fault, default: 0] += 1 }

    package mutating func add(_ other: DatagramCounts) {
        accepted += other.accepted
        answered += other.answered
        skipped.merge(other.skipped, uniquingKeysWith: +)
    }
}
