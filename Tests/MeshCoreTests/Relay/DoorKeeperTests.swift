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

    @Test func `newcomers are to come a few at a time, unless most guests say nothing`() {
        var keeper = DoorKeeper(limits: limits(connections: 80))
        #expect(keeper.room == 2)
        for _ in 0..<7 { _ = keeper.arrived(from: nil, at: start) }
        #expect(keeper.room == 1)
        _ = keeper.arrived(from: nil, at: start)
        #expect(keeper.room == .max)
        for visitor: DoorKeeper.Visitor in 1...5 { keeper.checkStarted(visitor) }
        #expect(keeper.room == 0)
        keeper.checkFailed(1)
        #expect(keeper.room == .max)
        keeper.loggedIn(2)
        #expect(keeper.room == 1)
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
                if case .admitted(let visitor, let leaver) = keeper.arrived(from: source, at: now) {
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
