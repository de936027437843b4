// SPDX-License-Identifier: Apache-2.0

package import FoundationEssentials
package import NIOCore

/// Slows down who guesses passwords, and nobody else.
///
/// Guesses are counted for each source, and for each source and account. So what others guess elsewhere is nothing to the
/// owner of an account; and from a source where the owner has logged in before, what is guessed there at other accounts
/// is nothing to the owner either, and guesses at this account cost a short pause at the most.
///
/// An attempt is counted when it begins, or many at once would all be free. A short pause is waited out, and only then is
/// the password looked at; where the pause is longer, it is not looked at, and the answer is that of a wrong one.
package struct LoginThrottle: Sendable {
    package enum Decision: Equatable, Sendable {
        /// Check the password after a pause, and say how that went where it was not wrong.
        case check(LoginAttempt, after: TimeAmount)
        /// Answer as if the password were wrong.
        case refuse
    }

    /// One change of what outlives the process.
    package enum Change: Equatable, Sendable {
        case guesses(StoredGuesses)
        case forgotten(GuessKey)
        /// The account has logged in from these, the newest first, and from no others.
        case familiar(AccountName, [SourceAddress])
    }

    /// How many are remembered.
    package struct Limits: Equatable, Sendable {
        package let sources: Int
        package let pairs: Int
        /// Where an account has logged in.
        package let familiar: Int

        package init(sources: Int = 20_000, pairs: Int = 50_000, familiar: Int = 16) {
            (self.sources, self.pairs, self.familiar) = (sources, pairs, familiar)
        }
    }

    private let limits: Limits
    private var sources: GuessTable
    private var pairs: GuessTable
    /// Where each account has logged in, the newest first.
    private var familiar: [AccountName: [SourceAddress]] = [:]
    private var changedFamiliar: Set<AccountName> = []

    package init(limits: Limits = Limits()) {
        self.limits = limits
        sources = GuessTable(limit: limits.sources)
        pairs = GuessTable(limit: limits.pairs)
    }

    /// Somebody gives a password for the account `user`, which need not exist.
    package mutating func attempted(_ user: String, from source: SourceAddress, at now: NIODeadline) -> Decision {
        let (pair, sourceKey) = (GuessKey(source, user: user), GuessKey(source))
        if AccountName(user).map({ isFamiliar($0, source) }) ?? false {
            let wait = pairs.wait(pair, at: now)
            if wait > Self.patienceWithFamiliar { return .refuse }
            let pause = pairs.guess(pair, Self.paceOfFamiliar, at: now)
            return .check(LoginAttempt(pair: pair, pace: Self.paceOfFamiliar, pause: pause, source: nil), after: wait)
        }
        let wait = max(pairs.wait(pair, at: now), sources.wait(sourceKey, at: now))
        if wait > Self.patience { return .refuse }
        let pause = pairs.guess(pair, Self.paceOfPair, at: now)
        let sourcePause = sources.guess(sourceKey, Self.paceOfSource, at: now)
        return .check(
            LoginAttempt(pair: pair, pace: Self.paceOfPair, pause: pause, source: (sourceKey, sourcePause)),
            after: wait
        )
    }

    /// The password was right.
    package mutating func succeeded(
        _ attempt: LoginAttempt,
        as name: AccountName,
        from source: SourceAddress,
        at now: NIODeadline
    ) {
        pairs.forget(attempt.pair)
        // Only this one: else who has an account of his own would have each of his guesses at others forgotten with it.
        takeBackFromSource(attempt, at: now)
        welcomed(name, from: source)
    }

    /// The password was not looked at.
    package mutating func notChecked(_ attempt: LoginAttempt, at now: NIODeadline) {
        pairs.takeBack(attempt.pair, attempt.pace, pause: attempt.pause, at: now)
        takeBackFromSource(attempt, at: now)
    }

    /// The account's owner has shown otherwise that `source` is a place of theirs.
    package mutating func welcomed(_ name: AccountName, from source: SourceAddress) {
        if familiar[name]?.first == source { return }
        familiar[name] = Array(([source] + familiar[name, default: []].filter { $0 != source }).prefix(limits.familiar))
        changedFamiliar.insert(name)
    }

    /// How much is remembered.
    package var count: (sources: Int, pairs: Int) { (sources.count, pairs.count) }

    private func isFamiliar(_ name: AccountName, _ source: SourceAddress) -> Bool {
        familiar[name]?.contains(source) ?? false
    }

    private mutating func takeBackFromSource(_ attempt: LoginAttempt, at now: NIODeadline) {
        guard let (key, pause) = attempt.source else { return }
        sources.takeBack(key, Self.paceOfSource, pause: pause, at: now)
    }

    /// What is waited out while the client waits for its answer.
    private static let patience = TimeAmount.seconds(2)
    /// Enough for all others who may stand at the door from the same address.
    private static let patienceWithFamiliar = TimeAmount.seconds(8)

    private static let paceOfPair = GuessPace(
        free: 5,
        shortest: .seconds(1),
        longest: .minutes(15),
        weighs: .minutes(10)
    )
    /// Many people may be behind one address.
    private static let paceOfSource = GuessPace(
        free: 20,
        shortest: .seconds(1),
        longest: .minutes(15),
        weighs: .minutes(1)
    )
    private static let paceOfFamiliar = GuessPace(
        free: 5,
        shortest: .seconds(1),
        longest: .seconds(1),
        weighs: .minutes(10)
    )
}

/// An attempt that was counted.
package struct LoginAttempt: Sendable {
    fileprivate let pair: GuessKey
    fileprivate let pace: GuessPace
    fileprivate let pause: TimeAmount
    /// Nil where the source's other guesses don't count.
    fileprivate let source: (key: GuessKey, pause: TimeAmount)?

    /// Whether the account has logged in from there before.
    package var isFamiliar: Bool { source == nil }
}

extension LoginAttempt: Equatable {
    package static func == (left: LoginAttempt, right: LoginAttempt) -> Bool {
        left.pair == right.pair && left.pause == right.pause && left.pace == right.pace
            && left.source?.key == right.source?.key && left.source?.pause == right.source?.pause
    }
}

// MARK: What outlives the process

/// The guesses of one kind, by the clock on the wall.
package struct StoredGuesses: Equatable, Sendable {
    package enum Kind: Int, Sendable {
        case source = 1
        case pair = 2
    }

    package let kind: Kind
    package let key: GuessKey
    /// All guesses up to here weigh nothing any more.
    package let calm: Date
    /// When the next one may be made.
    package let next: Date

    package init(kind: Kind, key: GuessKey, calm: Date, next: Date) {
        (self.kind, self.key, self.calm, self.next) = (kind, key, calm, next)
    }
}

extension LoginThrottle {
    /// Puts back what was stored: what a clock that was set back says is in the far future ends in a day.
    package mutating func restore(_ stored: some Sequence<StoredGuesses>, at now: Moment) {
        for guesses in stored {
            let entry = GuessTable.Entry(calm: now.instant(of: guesses.calm), next: now.instant(of: guesses.next))
            guard entry.end > now.instant else { continue }
            switch guesses.kind {
            case .source: sources.restore(guesses.key, entry)
            case .pair: pairs.restore(guesses.key, entry)
            }
        }
    }

    /// Puts back where accounts have logged in.
    package mutating func restore(_ stored: [AccountName: [SourceAddress]]) {
        familiar = stored.mapValues { Array($0.prefix(limits.familiar)) }
    }

    /// What has to be stored now so that the store has everything.
    package mutating func takeChanges(at now: Moment) -> [Change] {
        defer { changedFamiliar = [] }
        return Self.changes(sources.takeChanges(), .source, at: now) + Self.changes(pairs.takeChanges(), .pair, at: now)
            + changedFamiliar.map { .familiar($0, familiar[$0, default: []]) }
    }

    private static func changes(
        _ changes: [(key: GuessKey, entry: GuessTable.Entry?)],
        _ kind: StoredGuesses.Kind,
        at now: Moment
    ) -> [Change] {
        changes.map { key, entry in
            guard let entry else { return .forgotten(key) }
            let (calm, next) = (now.date(of: entry.calm), now.date(of: entry.next))
            return .guesses(StoredGuesses(kind: kind, key: key, calm: calm, next: next))
        }
    }
}

extension Moment {
    /// When the clock on the wall shows `date`, if nobody sets it; a day from now at the latest.
    fileprivate func instant(of date: Date) -> NIODeadline {
        let seconds = min(max(date.timeIntervalSince(self.date), 0), 86_400)
        return instant + .nanoseconds(Int64(seconds * 1_000_000_000))
    }

    fileprivate func date(of instant: NIODeadline) -> Date {
        date + TimeInterval((instant - self.instant).nanoseconds) / 1_000_000_000
    }
}
