// SPDX-License-Identifier: Apache-2.0

import SwiftProtobuf

/// Which device is master: of those that see each other alive, the one with the lowest id, with a term that grows.
///
/// The master claims its term, and the others follow a claim of the device that they expect. A term is higher than all
/// that the master has heard of; so after a partition has healed the one master that is left has a new term.
package struct Mastership: Equatable, Sendable {
    package enum Action: Equatable, Sendable {
        /// To each device that has a connection.
        case broadcast(WirePeerMessage.OneOf_Body)
        case send(WirePeerMessage.OneOf_Body, to: DeviceID)
        case changed(Claim)
        /// The highest term that was heard of is to be on the disk before it is used.
        case keep(term: UInt64)
    }

    /// Who is master, since which term.
    package struct Claim: Hashable, Sendable {
        package let term: UInt64
        package let master: DeviceID
    }

    private let ownID: DeviceID
    private var living: Set<DeviceID> = []
    /// The claim with the highest term that was made or heard of.
    private var newest: Claim
    /// Nil while the expected master has not claimed.
    package private(set) var claim: Claim?
    /// Whom the others follow, as they said last.
    private var followed: [DeviceID: Claim] = [:]

    /// No device counts so far, and whoever says so wants to leave the others no higher term: the last but this one counts
    /// for all of them.
    private static let limit: UInt64 = 1 << 62

    /// `term` is the newest that the disk knows.
    package init(ownID: DeviceID, term: UInt64) {
        (self.ownID, newest) = (ownID, Claim(term: min(term, Self.limit - 1), master: ownID))
    }

    /// The devices that are alive and follow the same master, this one included.
    package var agreeing: Int { 1 + living.count { claim != nil && followed[$0] == claim } }

    /// The first claim: a device that is alone is its own master.
    package mutating func started() -> [Action] { settle() }

    /// Others are alive now, or no longer.
    ///
    /// What one has claimed counts while it is alive, also if it did so before this device heard that it is.
    package mutating func changed(living: Set<DeviceID>) -> [Action] {
        self.living = living
        return settle()
    }

    /// Nothing is known of a device any more.
    package mutating func forgot(_ id: DeviceID) {
        followed[id] = nil
    }

    /// A device has a connection: it is told whom this one follows, or did before it saw that device.
    package mutating func connected(_ id: DeviceID) -> [Action] { [.send((claim ?? newest).wire, to: id)] }

    package mutating func received(_ wire: WireMasterClaim, from id: DeviceID) -> [Action] {
        guard let master = DeviceID(bytes: wire.master), wire.term < Self.limit else { return [] }
        let heard = Claim(term: wire.term, master: master)
        // Claims may come in another order than they were made.
        if heard.term >= followed[id]?.term ?? 0 { followed[id] = heard }
        let isOthers = master != ownID
        if master == expected, isOthers {
            // Its claim has to be newer than all others.
            if heard.term < newest.term { return [.send(newest.wire, to: id)] }
            return follow(heard)
        }
        let isChallenged = claim?.master == ownID && (isOthers ? heard.term >= newest.term : heard.term > newest.term)
        if heard.term > newest.term { newest = heard }
        // Somebody follows another: this device's next term is higher than that.
        return isChallenged ? claimAnew() : settle()
    }
}

extension Mastership {
    private var expected: DeviceID { living.reduce(ownID, min) }

    private mutating func settle() -> [Action] {
        if expected == ownID { return claim?.master == ownID ? [] : claimAnew() }
        if claim?.master == expected { return [] }
        claim = nil
        guard let known = followed[expected], known.master == expected else { return [] }
        return known.term < newest.term ? [.send(newest.wire, to: expected)] : follow(known)
    }

    private mutating func claimAnew() -> [Action] {
        let term = min(newest.term + 1, Self.limit - 1)
        return [.keep(term: term)] + follow(Claim(term: term, master: ownID))
    }

    private mutating func follow(_ new: Claim) -> [Action] {
        guard new != claim else { return [] }
        let isNewMaster = new.master != claim?.master
        claim = new
        newest = new
        return [.broadcast(new.wire)] + (isNewMaster ? [.changed(new)] : [])
    }
}

extension Mastership.Claim {
    fileprivate var wire: WirePeerMessage.OneOf_Body {
        .masterClaim(.with { ($0.term, $0.master) = (term, master.wire) })
    }
}
