// SPDX-License-Identifier: Apache-2.0

import Crypto
package import FoundationEssentials

/// Remembers which signatures came, for as long as they could come again and count.
package struct ReplayGuard: Equatable, Sendable {
    /// How many are remembered, unless it is said otherwise: about 50 MB.
    package static let maximum = 1_000_000
    /// Who signs up to a window ahead of our clock can have it used up to a window behind it.
    private static let memory = 2 * RequestSignature.window

    /// What stands for a device and its nonce: half of a digest, which nobody can find a second text for.
    private struct Mark: Hashable {
        let high: UInt64
        let low: UInt64
    }

    private let maximum: Int
    private let started: Date
    /// Two generations, each forgotten when it is between one and two memories old.
    private var recent: Set<Mark> = []
    private var older: Set<Mark> = []
    private var turned: Date

    /// What was signed before `started` is refused, as nobody remembers whether it came.
    package init(started: Date, maximum: Int = maximum) {
        self.started = Date(timeIntervalSince1970: started.timeIntervalSince1970.rounded(.down))
        turned = started
        self.maximum = maximum
    }

    /// A signature that was verified has come.
    package mutating func received(_ signer: RequestSigner, at now: Date) throws(SignatureFault) {
        turn(at: now)
        guard signer.created >= started else { throw .expired }
        let mark = Self.mark(of: signer)
        guard !recent.contains(mark), !older.contains(mark) else { throw .replayed }
        guard recent.count + older.count < maximum else { throw .tooMany }
        recent.insert(mark)
    }

    private mutating func turn(at now: Date) {
        let age = now.timeIntervalSince(turned)
        // The clock on the wall may be set back.
        if age < 0 { turned = now }
        guard age >= Self.memory else { return }
        older = age < 2 * Self.memory ? recent : []
        recent = []
        turned = now
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
