// SPDX-License-Identifier: Apache-2.0

import MeshCore
import NIOCore
import TestSupport
import Testing

@Suite struct DoorKeeperTests {
    private let start = NIODeadline.uptimeNanoseconds(1_000_000_000_000)
    private let here = SourceAddress(version: .four, prefix: 1)
    private let there = SourceAddress(version: .six, prefix: 1)

    private func limits(connections: Int = 1_000, perAddress: Int = 5, guestsPerAddress: Int = 2) -> DoorKeeper.Limits {
        .init(
            connections: connections,
            perAddress: perAddress,
            guestsPerAddress: guestsPerAddress,
            loginTime: .seconds(10)
        )
    }

    @Test func `guests have a tenth of the places, and one at least`() {
        #expect(limits(connections: 10_000).guests == 1_000)
        #expect(limits(connections: 5).guests == 1)
    }

    @Test func `where all places are taken, nobody comes in`() {
        var keeper = DoorKeeper(limits: limits(connections: 2))
        #expect(keeper.arrived(from: nil, at: start) == .admitted(1, insteadOf: nil))
        keeper.loggedIn(1)
        #expect(keeper.arrived(from: nil, at: start) == .admitted(2, insteadOf: nil))
        #expect(keeper.arrived(from: nil, at: start) == .refused(.full))
        keeper.left(1)
        keeper.loggedIn(2)
        #expect(keeper.arrived(from: nil, at: start) == .admitted(3, insteadOf: nil))
    }

    @Test func `the guest who has been there longest makes room, once it had its chance`() {
        var keeper = DoorKeeper(limits: limits(connections: 20))
        #expect(keeper.arrived(from: nil, at: start) == .admitted(1, insteadOf: nil))
        #expect(keeper.arrived(from: nil, at: start + .milliseconds(50)) == .admitted(2, insteadOf: nil))
        #expect(keeper.arrived(from: nil, at: start + .milliseconds(99)) == .refused(.tooManyGuests))
        #expect(keeper.arrived(from: nil, at: start + .milliseconds(100)) == .admitted(3, insteadOf: 1))
        #expect(keeper.arrived(from: nil, at: start + .milliseconds(101)) == .refused(.tooManyGuests))
        // Its connection is still to be closed, and takes a place until then.
        #expect(keeper.taken == (all: 3, guests: 2))
        keeper.left(1)
        #expect(keeper.taken == (all: 2, guests: 2))
    }

    @Test func `where there are many guests they have their places longer`() {
        var keeper = DoorKeeper(limits: limits(connections: 10_000))
        for _ in 0..<1_000 { _ = keeper.arrived(from: nil, at: start) }
        #expect(keeper.arrived(from: nil, at: start + .milliseconds(499)) == .refused(.tooManyGuests))
        #expect(keeper.arrived(from: nil, at: start + .milliseconds(500)) == .admitted(1_001, insteadOf: 1))
    }

    @Test func `who is being checked need not make room, and has to again after a wrong password`() {
        var keeper = DoorKeeper(limits: limits(connections: 20))
        let later = start + .seconds(1)
        _ = (keeper.arrived(from: nil, at: start), keeper.arrived(from: nil, at: start))
        keeper.checkStarted(1)
        #expect(keeper.arrived(from: nil, at: later) == .admitted(3, insteadOf: 2))
        keeper.checkStarted(3)
        #expect(keeper.arrived(from: nil, at: later) == .refused(.tooManyGuests))
        keeper.checkFailed(3)
        keeper.checkFailed(1)
        let latest = later + .seconds(1)
        #expect(keeper.arrived(from: nil, at: latest) == .admitted(4, insteadOf: 3))
        #expect(keeper.arrived(from: nil, at: latest) == .admitted(5, insteadOf: 1))
    }

    @Test func `who brings a login need not wait for as long, and has its place for itself`() {
        var keeper = DoorKeeper(limits: limits(connections: 20))
        _ = (keeper.arrived(from: nil, at: start), keeper.arrived(from: nil, at: start))
        #expect(keeper.arrived(from: nil, at: start + .milliseconds(9), saying: .login) == .waits)
        #expect(keeper.arrived(from: nil, at: start + .milliseconds(10), saying: .login) == .admitted(3, insteadOf: 1))
        #expect(keeper.arrived(from: nil, at: start + .milliseconds(10), saying: .login) == .admitted(4, insteadOf: 2))
        // Nobody takes their places, until one of them was wrong.
        let later = start + .seconds(1)
        #expect(keeper.arrived(from: nil, at: later, saying: .login) == .waits)
        #expect(keeper.arrived(from: nil, at: later) == .refused(.tooManyGuests))
        keeper.checkStarted(3)
        keeper.checkFailed(3)
        #expect(keeper.arrived(from: nil, at: later, saying: .login) == .admitted(5, insteadOf: 3))
    }

    @Test func `without a place somebody with a login waits, who may say one for a moment, and others not at all`() {
        var keeper = DoorKeeper(limits: limits(connections: 10))
        #expect(keeper.arrived(from: nil, at: start, saying: .login) == .admitted(1, insteadOf: nil))
        for (words, wait) in [(FirstWords.login, 1_000), (.unfinished, 100), (.other, 0)] as [(FirstWords, Int64)] {
            for (time, answer) in [
                (wait - 1, DoorKeeper.Arrival.waits), (wait, .refused(.tooManyGuests)),
            ] where time >= 0 {
                let now = start + .milliseconds(time)
                #expect(keeper.arrived(from: nil, at: now, saying: words, since: start) == answer)
            }
        }
        // A refusal that has nothing to do with guests comes at once.
        keeper.loggedIn(1)
        for _ in 0..<9 {
            guard case .admitted(let visitor, nil) = keeper.arrived(from: nil, at: start) else { break }
            keeper.loggedIn(visitor)
        }
        #expect(keeper.arrived(from: nil, at: start, saying: .login) == .refused(.full))
    }

    @Test func `who is not heard yet makes room for a login alone`() {
        var keeper = DoorKeeper(limits: limits(connections: 20))
        for _ in 0..<2 { _ = keeper.arrived(from: nil, saying: .other, since: start, at: start) }
        let later = start + .seconds(1)
        #expect(keeper.arrived(from: nil, at: later) == .refused(.tooManyGuests))
        #expect(keeper.arrived(from: nil, at: later, saying: .login) == .admitted(3, insteadOf: 1))
        keeper.tookIn(2, at: later)
        #expect(keeper.arrived(from: nil, at: later + .milliseconds(99)) == .refused(.tooManyGuests))
        #expect(keeper.arrived(from: nil, at: later + .milliseconds(100)) == .admitted(4, insteadOf: 2))
    }

    @Test func `who leaves twice leaves once`() {
        var keeper = DoorKeeper(limits: limits())
        _ = (keeper.arrived(from: here, at: start), keeper.arrived(from: nil, at: start))
        for _ in 0..<2 { keeper.left(1) }
        #expect(keeper.taken == (all: 1, guests: 1))
        for _ in 0..<2 { keeper.left(2) }
        #expect(keeper.taken == (all: 0, guests: 0))
    }

    @Test func `one address has few guests, and not too many members`() {
        var keeper = DoorKeeper(limits: limits())
        for visitor in 1...2 as ClosedRange<UInt64> {
            #expect(keeper.arrived(from: here, at: start) == .admitted(visitor, insteadOf: nil))
        }
        #expect(keeper.arrived(from: here, at: start) == .refused(.tooManyGuestsFromAddress))
        #expect(keeper.arrived(from: there, at: start) == .admitted(3, insteadOf: nil))
        keeper.loggedIn(1)
        keeper.loggedIn(2)
        for visitor in 4...6 as ClosedRange<UInt64> {
            #expect(keeper.arrived(from: here, at: start) == .admitted(visitor, insteadOf: nil))
            keeper.loggedIn(visitor)
        }
        #expect(keeper.arrived(from: here, at: start) == .refused(.tooManyFromAddress))
        keeper.left(6)
        #expect(keeper.arrived(from: here, at: start) == .admitted(7, insteadOf: nil))
    }

    @Test func `attempts do not hold a place for long`() {
        var keeper = DoorKeeper(limits: limits())
        _ = keeper.arrived(from: nil, at: start)
        let ends = [0, 3, 9, 19, 25, 29].map { keeper.deadline(of: 1, at: start + .seconds($0)) - start }
        #expect(ends == [10, 13, 19, 29, 30, 30].map { .seconds($0) })
    }

    /// The keeper's own count against one that is kept by hand.
    @Test(arguments: 0..<20) func `whatever happens, no limit is passed and nothing is left over`(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        let limits = limits(connections: 50)
        var keeper = DoorKeeper(limits: limits)
        var present: [DoorKeeper.Visitor: (source: SourceAddress?, isGuest: Bool)] = [:]
        var now = start
        for _ in 0..<5_000 {
            now = now + .milliseconds(.random(in: 0...60, using: &generator))
            let someone = present.keys.sorted().randomElement(using: &generator) ?? 0
            switch Int.random(in: 0..<6, using: &generator) {
            case 0, 1:
                let source = [here, there, nil, nil].randomElement(using: &generator) ?? nil
                let words: FirstWords = Bool.random(using: &generator) ? .login : .other
                if case .admitted(let visitor, let leaver) = keeper.arrived(from: source, at: now, saying: words) {
                    present[visitor] = (source, true)
                    if let leaver { present[leaver]?.isGuest = false }
                }
            case 2: keeper.checkStarted(someone)
            case 3: keeper.checkFailed(someone)
            case 4 where present[someone] != nil:
                keeper.loggedIn(someone)
                present[someone]?.isGuest = false
            case _ where present.removeValue(forKey: someone) != nil: keeper.left(someone)
            default: break
            }
            let guests = present.values.filter(\.isGuest)
            #expect(keeper.taken == (all: present.count, guests: guests.count))
            #expect(present.count <= limits.connections && guests.count <= limits.guests)
            for source in [here, there] {
                #expect(present.values.count { $0.source == source } <= limits.perAddress)
                #expect(guests.count { $0.source == source } <= limits.guestsPerAddress)
            }
        }
    }
}

extension DoorKeeper {
    /// Somebody who is heard at once.
    fileprivate mutating func arrived(
        from source: SourceAddress?,
        at now: NIODeadline,
        saying words: FirstWords = .other,
        since: NIODeadline? = nil
    ) -> Arrival {
        let arrival = arrived(from: source, saying: words, since: since ?? now, at: now)
        if case .admitted(let visitor, _) = arrival { tookIn(visitor, at: now) }
        return arrival
    }
}
