// SPDX-License-Identifier: Apache-2.0

import NIOCore

/// How guesses slow down who makes them.
///
/// Each guess weighs for a while. The first few cost nothing, and from then on each that still weighs doubles the pause
/// before the next. So who goes on guessing ends up with about one guess in the time for which one weighs.
struct GuessPace: Equatable, Sendable {
    /// Guesses without a pause.
    let free: Int
    let shortest: TimeAmount
    let longest: TimeAmount
    /// How long it takes until a guess weighs nothing any more.
    let weighs: TimeAmount

    /// The pause after the guess with which as many weigh.
    func pause(after guesses: Int64) -> TimeAmount {
        let doublings = guesses - Int64(free) - 1
        if doublings < 0 { return .zero }
        let (pause, overflow) = shortest.nanoseconds.multipliedReportingOverflow(by: 1 << min(doublings, 40))
        return overflow ? longest : min(longest, .nanoseconds(pause))
    }
}

/// Who guessed lately, and when each may guess again.
///
/// Bounded: where there are too many, the one is forgotten whose guesses would soonest weigh nothing.
struct GuessTable: Sendable {
    /// When guesses of one kind are forgotten.
    struct Entry: Equatable, Sendable {
        /// All guesses up to here weigh nothing any more.
        var calm: NIODeadline
        /// When the next one may be made.
        var next: NIODeadline
        /// Whether the store has ever been told.
        fileprivate var isStored = false

        init(calm: NIODeadline, next: NIODeadline) {
            (self.calm, self.next) = (calm, next)
        }

        var end: NIODeadline { max(calm, next) }
    }

    private let limit: Int
    private var entries: [GuessKey: Entry] = [:]
    private var ends = ExpiryQueue<GuessKey>()
    private var changed: Set<GuessKey> = []
    /// The store has them and this table no longer.
    private var dropped: Set<GuessKey> = []

    init(limit: Int) {
        self.limit = limit
    }

    var count: Int { entries.count }

    /// How long a guess has to wait.
    func wait(_ key: GuessKey, at now: NIODeadline) -> TimeAmount {
        guard let next = entries[key]?.next, next > now else { return .zero }
        return next - now
    }

    /// Counts a guess that is made as soon as it may be, and says by how much it delays the next.
    mutating func guess(_ key: GuessKey, _ pace: GuessPace, at now: NIODeadline) -> TimeAmount {
        forgetEnded(at: now)
        var entry = entries[key] ?? Entry(calm: now, next: now)
        let turn = max(entry.next, now)
        entry.calm = max(entry.calm, turn) + pace.weighs
        let weight = (entry.calm - turn).nanoseconds
        let pause = pace.pause(after: (weight + pace.weighs.nanoseconds - 1) / pace.weighs.nanoseconds)
        entry.next = turn + pause
        keep(key, entry)
        if entries.count > limit, let first = ends.popFirst() { drop(first) }
        return pause
    }

    /// Takes back a guess that was none, with the pause that it made.
    mutating func takeBack(_ key: GuessKey, _ pace: GuessPace, pause: TimeAmount, at now: NIODeadline) {
        guard var entry = entries[key] else { return }
        entry.calm = entry.calm - pace.weighs
        entry.next = entry.next - pause
        if entry.end > now { keep(key, entry) } else { forget(key) }
    }

    /// The one who was thought to guess knew it.
    mutating func forget(_ key: GuessKey) {
        ends.remove(key)
        drop(key)
    }

    /// Puts back what was stored.
    mutating func restore(_ key: GuessKey, _ entry: Entry) {
        guard entries.count < limit else { return }
        keep(key, entry)
        entries[key]?.isStored = true
        changed.remove(key)
    }

    /// What is different from what was said last: the new entry, or nil for one that is gone.
    mutating func takeChanges() -> [(key: GuessKey, entry: Entry?)] {
        defer { (changed, dropped) = ([], []) }
        for key in changed { entries[key]?.isStored = true }
        return dropped.map { ($0, nil) } + changed.map { ($0, entries[$0]) }
    }

    private mutating func forgetEnded(at now: NIODeadline) {
        while let key = ends.popEnded(at: now) { drop(key) }
    }

    private mutating func keep(_ key: GuessKey, _ entry: Entry) {
        entries[key] = entry
        // The store has it still: it must be told when it is gone again.
        if dropped.remove(key) != nil { entries[key]?.isStored = true }
        ends.set(key, to: entry.end)
        changed.insert(key)
    }

    private mutating func drop(_ key: GuessKey) {
        changed.remove(key)
        guard let entry = entries.removeValue(forKey: key), entry.isStored else { return }
        dropped.insert(key)
    }
}
