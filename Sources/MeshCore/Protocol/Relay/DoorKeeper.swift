// SPDX-License-Identifier: Apache-2.0

import DequeModule
package import NIOCore

/// Decides who may come in and wait to log in.
///
/// Those who have not logged in are guests; a guest becomes a member or leaves. There is place for some guests alone, so
/// that strangers can't take all there is; and when all their places are taken, the one who has been there longest makes
/// room: somebody who means to log in is quicker than who means to stay. Who brings a whole login comes before those who
/// only come.
package struct DoorKeeper: Sendable {
    package struct Limits: Equatable, Sendable {
        /// Connections at the same time.
        package let connections: Int
        /// Of one address.
        package let perAddress: Int
        /// Guests of one address.
        package let guestsPerAddress: Int
        /// How long a guest may take for a login, from the beginning of the connection on.
        package let loginTime: TimeAmount

        package init(connections: Int, perAddress: Int, guestsPerAddress: Int, loginTime: TimeAmount) {
            self.connections = connections
            self.perAddress = perAddress
            self.guestsPerAddress = guestsPerAddress
            self.loginTime = loginTime
        }

        /// Guests in all.
        package var guests: Int { max(1, connections / 10) }

        /// What nobody may have been shorter to be asked to leave: else a hundred who come at once push each other out;
        /// and with many places, those who come and go by the thousand a second take the time from the members.
        var leastStay: TimeAmount { .microseconds(500) * min(max(200, guests), 1_000) }

        /// The same where the other brings a whole login, from the arrival on: enough to say one's own.
        var leastStayBeforeLogin: TimeAmount { .microseconds(50) * min(max(200, guests), 1_000) }
    }

    /// The number of a connection.
    package typealias Visitor = UInt64

    package enum Arrival: Equatable, Sendable {
        /// The visitor is a guest; another guest may have to leave for it.
        case admitted(Visitor, insteadOf: Visitor?)
        /// There is no place yet; to be asked again in a moment.
        case waits
        case refused(Refusal)
    }

    package enum Refusal: Equatable, Sendable {
        case full
        /// Each place for guests is taken, by somebody who has only come.
        case tooManyGuests
        case tooManyFromAddress
        case tooManyGuestsFromAddress
    }

    private struct Guest {
        let begun: NIODeadline
        /// Since when it is heard; nil if it isn't yet.
        var heard: NIODeadline?
        var isBeingChecked: Bool
        var isInOrder: Bool
    }

    /// How often the time for a login begins anew, with a wrong password.
    private static let patience: Int64 = 3

    private let limits: Limits
    private var last: Visitor = 0
    private var guests: [Visitor: Guest] = [:]
    /// In the order in which they have to make room; some of these have left.
    private var order: Deque<Visitor> = []
    /// Everyone's, nil where the address doesn't count.
    private var sources: [Visitor: SourceAddress?] = [:]
    private var counts: [SourceAddress: (all: Int, guests: Int)] = [:]

    package init(limits: Limits) {
        self.limits = limits
    }

    /// Somebody who has been waiting since `since` wants to come in; `source` is nil where its address doesn't count.
    package mutating func arrived(
        from source: SourceAddress?,
        saying words: FirstWords,
        since: NIODeadline,
        at now: NIODeadline
    ) -> Arrival {
        if let refusal = refusal(of: source) { return .refused(refusal) }
        var leaver: Visitor?
        if guests.count >= limits.guests {
            guard let oldest = oldestGuest(at: now, makingRoomForLogin: words == .login) else {
                return now - since < Self.wait(words) ? .waits : .refused(.tooManyGuests)
            }
            endStay(of: oldest)
            leaver = oldest
        }
        last += 1
        // Whose login is known to be there has as good as begun it.
        let isLogin = words == .login
        guests[last] = Guest(begun: now, isBeingChecked: isLogin, isInOrder: !isLogin)
        if !isLogin { order.append(last) }
        sources[last] = .some(source)
        if let source {
            counts[source, default: (0, 0)].all += 1
            counts[source, default: (0, 0)].guests += 1
        }
        return .admitted(last, insteadOf: leaver)
    }

    /// How long somebody may wait for a place: who comes with a login as long as that is worth it, and who may be about to
    /// say one a moment.
    private static func wait(_ words: FirstWords) -> TimeAmount {
        switch words {
        case .login: .seconds(1)
        case .unfinished: .milliseconds(100)
        case .other: .zero
        }
    }

    /// What the guest says is heard from now on: its stay begins.
    package mutating func tookIn(_ visitor: Visitor, at now: NIODeadline) {
        guests[visitor]?.heard = now
    }

    /// The guest's password is being checked: as long as that takes it need not make room.
    package mutating func checkStarted(_ visitor: Visitor) {
        guests[visitor]?.isBeingChecked = true
    }

    /// The guest stays one, and may try again.
    package mutating func checkFailed(_ visitor: Visitor) {
        guard guests[visitor]?.isBeingChecked == true else { return }
        guests[visitor]?.isBeingChecked = false
        guard guests[visitor]?.isInOrder == false else { return }
        guests[visitor]?.isInOrder = true
        order.append(visitor)
    }

    package mutating func loggedIn(_ visitor: Visitor) {
        endStay(of: visitor)
        tidy()
    }

    /// The connection is closed, or was never made; saying so twice does no harm.
    package mutating func left(_ visitor: Visitor) {
        endStay(of: visitor)
        tidy()
        guard let source = sources.removeValue(forKey: visitor) ?? nil, var numbers = counts[source] else { return }
        numbers.all -= 1
        counts[source] = numbers.all > 0 ? numbers : nil
    }

    /// When a guest that has not logged in has to go, if the next attempt begins now.
    package func deadline(of visitor: Visitor, at now: NIODeadline) -> NIODeadline {
        guard let begun = guests[visitor]?.begun else { return now + limits.loginTime }
        return min(now + limits.loginTime, begun + limits.loginTime * Self.patience)
    }

    /// How many places are taken, and how many of them by guests.
    package var taken: (all: Int, guests: Int) { (sources.count, guests.count) }

    private func refusal(of source: SourceAddress?) -> Refusal? {
        if sources.count >= limits.connections { return .full }
        guard let source, let numbers = counts[source] else { return nil }
        if numbers.all >= limits.perAddress { return .tooManyFromAddress }
        return numbers.guests >= limits.guestsPerAddress ? .tooManyGuestsFromAddress : nil
    }

    private mutating func oldestGuest(at now: NIODeadline, makingRoomForLogin isForLogin: Bool) -> Visitor? {
        while let visitor = order.first {
            guard let guest = guests[visitor], !guest.isBeingChecked else {
                guests[visitor]?.isInOrder = false
                order.removeFirst()
                continue
            }
            if isForLogin { return now - guest.begun >= limits.leastStayBeforeLogin ? visitor : nil }
            return guest.heard.map { now - $0 >= limits.leastStay } == true ? visitor : nil
        }
        return nil
    }

    private mutating func endStay(of visitor: Visitor) {
        guard guests.removeValue(forKey: visitor) != nil, let source = sources[visitor] ?? nil else { return }
        counts[source]?.guests -= 1
    }

    /// Keeps those that no longer count from becoming the most of `order`.
    private mutating func tidy() {
        guard order.count > 2 * guests.count + 64 else { return }
        let guests = guests
        order.removeAll { guests[$0] == nil }
    }
}
