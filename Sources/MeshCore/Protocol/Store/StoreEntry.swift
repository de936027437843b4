// SPDX-License-Identifier: Apache-2.0

package import FoundationEssentials

/// The bounds of the replicated store, known to all replicas.
package enum StoreLimits {
    /// A key, in bytes of UTF-8.
    package static let key = 512
    /// A value, in bytes.
    package static let value = 64 * 1024
    /// Devices that ever wrote.
    package static let writers = 2_048
    /// The entries of one answer, in bytes; one entry may be longer.
    static let answer = 56 * 1024
    /// How far a writer's clock may be ahead of a reader's, in milliseconds: a day.
    static let ahead: UInt64 = 86_400_000
}

/// What is said of a key: by whom, when, and what.
package struct StoreEntry: Equatable, Sendable {
    package let key: StoreKey
    /// Nil for a tombstone: the key was deleted.
    package let value: Data?
    package let time: HybridTime
    package let writer: DeviceID
    /// Numbers the writer's entries from 1.
    package let sequence: UInt64

    package init(key: StoreKey, value: Data?, time: HybridTime, writer: DeviceID, sequence: UInt64) {
        (self.key, self.value, self.time, self.writer, self.sequence) = (key, value, time, writer, sequence)
    }

    /// Whether this entry wins over the other: the same everywhere, whatever came first.
    func wins(over other: StoreEntry) -> Bool { (time, writer) > (other.time, other.writer) }

    /// About how long the entry is on the wire.
    var size: Int { key.text.utf8.count + (value?.count ?? 0) + 24 }
}

/// Why something can't be in the store.
package enum StoreViolation: Error, Equatable, Sendable {
    case key(TextFault)
    case valueTooLong
    /// A writer's id, a sequence or a place that can't be.
    case malformed
    case tooManyWriters
    /// A moment that is more than a day ahead of this machine's clock.
    case clockAhead
}

extension StoreViolation: CustomStringConvertible {
    package var description: String {
        switch self {
        case .key(let fault): "the key is not valid: \(fault)"
        case .valueTooLong: "the value is longer than \(StoreLimits.value) bytes"
        case .malformed: "an entry is malformed"
        case .tooManyWriters: "more than \(StoreLimits.writers) devices have written"
        case .clockAhead: "a clock is more than a day ahead of this one"
        }
    }
}

extension StoreEntry {
    package static func check(value: Data) throws(StoreViolation) {
        if value.count > StoreLimits.value { throw .valueTooLong }
    }
}
