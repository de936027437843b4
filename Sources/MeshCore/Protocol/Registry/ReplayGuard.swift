// SPDX-License-Identifier: Apache-2.0

import Crypto
import FoundationEssentials
package import NIOCore

/// Remembers which signatures came, for as long as they could come again and count.
///
/// Whether they could is told by both clocks: a clock on the wall that jumps forth makes nothing forgotten, and one that
/// is set back lets nothing count again, nor shuts out who signs by the same clock.
package struct ReplayGuard: Equatable, Sendable {
    /// How many are remembered, unless it is said otherwise: about 50 MB.
    package static let maximum = 1_000_000
    /// Who signs up to a window ahead of our clock can have it used up to a window behind it.
    private static let memory = TimeAmount.seconds(2 * Int64(RequestSignature.window))

    /// What stands for a device and its nonce: half of a digest, which nobody can find a second text for.
    private struct Mark: Hashable {
        let high: UInt64
        let low: UInt64
    }

    /// Those that came in one memory's time.
    private struct Generation: Equatable {
        var marks: Set<Mark> = []
        /// When the last of them was made, as they say.
        var newest = Date.distantPast

        mutating func insert(_ mark: Mark, made date: Date) {
            marks.insert(mark)
            newest = max(newest, date)
        }

        mutating func add(_ other: Generation) {
            marks.formUnion(other.marks)
            newest = max(newest, other.newest)
        }
    }

    private let maximum: Int
    private let started: NIODeadline
    /// Each is forgotten when it is between one and two memories old, if none of it counts by the clock on the wall.
    private var recent = Generation()
    private var older = Generation()
    private var turned: NIODeadline

    /// What was signed before `started` is refused, as nobody remembers whether it came.
    package init(started: NIODeadline, maximum: Int = maximum) {
        (self.started, turned, self.maximum) = (started, started, maximum)
    }

    /// A signature that was verified has come.
    package mutating func received(_ signer: RequestSigner, at now: Moment) throws(SignatureFault) {
        turn(at: now)
        guard signer.created >= start(at: now) else { throw .expired }
        let mark = Self.mark(of: signer)
        guard !recent.marks.contains(mark), !older.marks.contains(mark) else { throw .replayed }
        guard recent.marks.count + older.marks.count < maximum else { throw .tooMany }
        recent.insert(mark, made: signer.created)
    }

    /// The start by the clock on the wall as it goes now, in whole seconds, as signatures have it.
    private func start(at now: Moment) -> Date {
        let age = TimeInterval((now.instant - started).nanoseconds) / 1_000_000_000
        return Date(timeIntervalSince1970: (now.date.timeIntervalSince1970 - age).rounded(.down))
    }

    private mutating func turn(at now: Moment) {
        let age = now.instant - turned
        guard age >= Self.memory else { return }
        let ends = now.date - RequestSignature.window
        let forgotten = [older] + (age >= Self.memory * 2 ? [recent] : [])
        var next = age >= Self.memory * 2 ? Generation() : recent
        for generation in forgotten where generation.newest >= ends { next.add(generation) }
        (older, recent, turned) = (next, Generation(), now.instant)
    }

    private static func mark(of signer: RequestSigner) -> Mark {
        var hasher = SHA256()
        hasher.update(data: signer.device.bytes)
        hasher.update(data: Array(signer.nonce.utf8))
        let words = hasher.finalize().prefix(16).reduce((0, 0)) { (words: (UInt64, UInt64), byte: UInt8) in
            (words.0 << 8 | words.1 >> 56, words.1 << 8 | UInt64(byte))
        }
        return Mark(high: words.0, low: words.1)
    }
}
