// SPDX-License-Identifier: Apache-2.0

import Foundation
import MeshCore
import NIOCore
import TestSupport
import Testing

@Suite struct LoginThrottleTests {
    private let start = NIODeadline.uptimeNanoseconds(1_000_000_000_000)
    private let date = Date(timeIntervalSince1970: 1_800_000_000)
    private let here = SourceAddress(version: .four, prefix: 1)
    private let there = SourceAddress(version: .six, prefix: 1)
    private let alice = AccountName.named("alice")

    /// What is decided about guesses that all come at one time: how long each waits; nil for refused.
    private func waits(
        _ count: Int,
        for user: String = "alice",
        from source: SourceAddress,
        at now: NIODeadline,
        _ throttle: inout LoginThrottle
    ) -> [TimeAmount?] {
        (0..<count).map { _ in
            switch throttle.attempted(user, from: source, at: now) {
            case .check(_, let wait): wait
            case .refuse: nil
            }
        }
    }

    @Test func `an attempt from where the account has logged in before is told apart`() {
        var throttle = LoginThrottle()
        throttle.welcomed(alice, from: here)
        let cases = [("alice", here, true), ("alice", there, false), ("bob", here, false)]
        for (user, source, isFamiliar) in cases {
            guard case .check(let attempt, _) = throttle.attempted(user, from: source, at: start) else {
                Issue.record("\(user) is refused")
                continue
            }
            #expect(attempt.isFamiliar == isFamiliar)
        }
    }

    @Test func `the first guesses are free, then each doubles the pause before the next`() {
        var throttle = LoginThrottle()
        #expect(waits(6, from: here, at: start, &throttle) == Array(repeating: .zero, count: 6))
        var now = start
        var pauses: [TimeAmount] = []
        for _ in 0..<9 {
            var pause = TimeAmount.zero
            // Looks again each second until it is let through without a wait.
            while true {
                var copy = throttle
                if case .check(_, .zero) = copy.attempted("alice", from: here, at: now + pause) { break }
                pause = pause + .seconds(1)
            }
            pauses.append(pause)
            now = now + pause
            _ = throttle.attempted("alice", from: here, at: now)
        }
        #expect(pauses == [1, 2, 4, 8, 16, 32, 64, 128, 256].map { .seconds($0) })
    }

    @Test func `a short pause is waited out, at a longer one the password is not looked at`() {
        var throttle = LoginThrottle()
        #expect(
            waits(12, from: here, at: start, &throttle)
                == [.zero, .zero, .zero, .zero, .zero, .zero, .seconds(1), nil, nil, nil, nil, nil]
        )
        // What is refused makes the pause no longer.
        #expect(waits(1, from: here, at: start + .seconds(3), &throttle) == [.zero])
    }

    @Test func `who goes on guessing gets about one guess in the time for which one weighs`() {
        var throttle = LoginThrottle()
        var looked = 0
        for second in 0..<86_400 as Range<Int64> {
            if waits(1, from: here, at: start + .seconds(second), &throttle) != [nil] { looked += 1 }
        }
        #expect((100...200).contains(looked), "\(looked) in a day")
    }

    @Test func `guesses at many accounts slow their source down, known or not`() {
        var throttle = LoginThrottle()
        let results = (0..<100).map { waits(1, for: "user\($0)", from: here, at: start, &throttle)[0] }
        #expect(results.filter { $0 == .zero }.count == 21)
        #expect(results.filter { $0 == nil }.count == 78)
        #expect(waits(1, for: "alice", from: there, at: start, &throttle) == [.zero])
    }

    @Test func `who knows a password is not held back by it, and does not clear the source with it`() throws {
        var throttle = LoginThrottle()
        var looked = 0
        for number in 0..<500 {
            let guess = throttle.attempted("victim\(number)", from: here, at: start)
            if case .check(_, .zero) = guess { looked += 1 }
            guard case .check(let attempt, .zero) = throttle.attempted("mallory", from: here, at: start) else {
                continue
            }
            throttle.succeeded(attempt, as: .named("mallory"), from: here, at: start)
        }
        #expect(looked <= 22)
        // With a place that is known, mallory still gets in.
        #expect(waits(1, for: "mallory", from: here, at: start, &throttle) == [.zero])
    }

    @Test func `the owner is not held back by what is guessed elsewhere, nor at others from the same place`() throws {
        var throttle = LoginThrottle()
        throttle.welcomed(alice, from: here)
        _ = waits(1_000, from: there, at: start, &throttle)
        for number in 0..<1_000 { _ = waits(1, for: "user\(number)", from: here, at: start, &throttle) }
        #expect(waits(1, for: "bob", from: here, at: start, &throttle) == [nil])
        #expect(waits(1, from: here, at: start, &throttle) == [.zero])
    }

    @Test func `where the owner has been, others' guesses at the same account cost a short pause`() throws {
        var throttle = LoginThrottle()
        throttle.welcomed(alice, from: here)
        var now = start
        // Seven others, each with one guess on its way, for an hour.
        for _ in 0..<3_600 {
            now = now + .seconds(1)
            _ = waits(1, from: here, at: now, &throttle)
        }
        _ = waits(7, from: here, at: now, &throttle)
        let wait = try #require(waits(1, from: here, at: now, &throttle)[0])
        #expect(wait <= .seconds(8))
    }

    @Test func `a right password forgets the wrong ones before it`() throws {
        var throttle = LoginThrottle()
        _ = waits(5, from: here, at: start, &throttle)
        guard case .check(let attempt, .zero) = throttle.attempted("alice", from: here, at: start) else {
            Issue.record("not checked")
            return
        }
        throttle.succeeded(attempt, as: alice, from: here, at: start)
        #expect(waits(6, from: here, at: start, &throttle) == Array(repeating: .zero, count: 6))
        #expect(throttle.count.pairs == 1)
    }

    @Test func `a password that was not looked at was no guess`() {
        var throttle = LoginThrottle()
        for _ in 0..<100 {
            guard case .check(let attempt, .zero) = throttle.attempted("alice", from: here, at: start) else {
                Issue.record("not checked")
                return
            }
            throttle.notChecked(attempt, at: start)
        }
        #expect(throttle.count == (sources: 0, pairs: 0))
    }

    @Test func `a flood of sources and names takes no more memory than the limits say, and frees nobody`() {
        var throttle = LoginThrottle(limits: .init(sources: 100, pairs: 200, familiar: 2))
        _ = waits(12, from: here, at: start, &throttle)
        for number in 0..<10_000 as Range<UInt64> {
            let source = SourceAddress(version: .six, prefix: 1_000 + number)
            _ = throttle.attempted("user\(number)", from: source, at: start)
        }
        #expect(throttle.count == (sources: 100, pairs: 200))
        // Whose guesses weigh most is remembered longest.
        #expect(waits(1, from: here, at: start, &throttle) == [nil])
        // All that is forgotten when it weighs nothing any more.
        _ = throttle.attempted("x", from: there, at: start + .hours(24))
        #expect(throttle.count == (sources: 1, pairs: 1))
        for number in 0..<100 as Range<UInt64> {
            throttle.welcomed(alice, from: SourceAddress(version: .four, prefix: number))
        }
        let changes = throttle.takeChanges(at: Moment(instant: start, date: date))
        let familiar = [SourceAddress(version: .four, prefix: 99), SourceAddress(version: .four, prefix: 98)]
        #expect(changes.contains(.familiar(alice, familiar)))
    }

    @Test func `a restart changes nothing, whatever the clocks did meanwhile`() throws {
        var throttle = LoginThrottle()
        throttle.welcomed(.named("bob"), from: there)
        for _ in 0..<3 { _ = waits(12, from: here, at: start, &throttle) }
        var store = Store()
        store.apply(throttle.takeChanges(at: Moment(instant: start, date: date)))
        #expect(throttle.takeChanges(at: Moment(instant: start, date: date)).isEmpty)
        // The clock that only goes forward begins anew; the one on the wall has gone on for a second.
        let reborn = Moment(instant: .uptimeNanoseconds(5), date: date + 1)
        var second = LoginThrottle()
        second.restore(store.familiar)
        second.restore(store.guesses.values, at: reborn)
        #expect(second.count == throttle.count)
        #expect(
            waits(1, from: here, at: reborn.instant, &second)
                == waits(1, from: here, at: start + .seconds(1), &throttle)
        )
        for user in 0..<100 { _ = waits(1, for: "user\(user)", from: there, at: reborn.instant, &second) }
        #expect(waits(1, for: "bob", from: there, at: reborn.instant, &second) == [.zero])
        // Set back by years: nobody is locked out for that long.
        var third = LoginThrottle()
        third.restore(store.guesses.values, at: Moment(instant: start, date: date - 1e9))
        #expect(waits(1, from: here, at: start + .hours(25), &third) == [.zero])
        // Set forward: all is forgotten.
        var fourth = LoginThrottle()
        fourth.restore(store.guesses.values, at: Moment(instant: start, date: date + 1e9))
        #expect(fourth.count == (sources: 0, pairs: 0))
    }

    /// A store that has each change is at each time what the machine would say of itself.
    @Test(arguments: 0..<10) func `what is stored stays bounded, and is what is remembered`(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        var throttle = LoginThrottle(limits: .init(sources: 20, pairs: 30, familiar: 2))
        var store = Store()
        var now = Moment(instant: start, date: date)
        for _ in 0..<2_000 {
            now = now + .seconds(.random(in: 0...200, using: &generator))
            let source = SourceAddress(version: .four, prefix: .random(in: 0..<60, using: &generator))
            let name = ["alice", "bob", "carol"].randomElement(using: &generator) ?? ""
            if case .check(let attempt, _) = throttle.attempted(name, from: source, at: now.instant) {
                switch Int.random(in: 0..<4, using: &generator) {
                case 0: throttle.succeeded(attempt, as: .named(name), from: source, at: now.instant)
                case 1: throttle.notChecked(attempt, at: now.instant)
                default: break
                }
            }
            guard Int.random(in: 0..<5, using: &generator) == 0 else { continue }
            store.apply(throttle.takeChanges(at: now))
            #expect(store.guesses.count == throttle.count.sources + throttle.count.pairs)
            #expect(store.familiar.values.allSatisfy { $0.count <= 2 })
        }
    }

    /// A store in memory.
    private struct Store {
        var guesses: [GuessKey: StoredGuesses] = [:]
        var familiar: [AccountName: [SourceAddress]] = [:]

        mutating func apply(_ changes: [LoginThrottle.Change]) {
            for change in changes {
                switch change {
                case .guesses(let stored): guesses[stored.key] = stored
                case .forgotten(let key): guesses[key] = nil
                case .familiar(let name, let sources): familiar[name] = sources
                }
            }
        }
    }
}
