// SPDX-License-Identifier: Apache-2.0

import Crypto
import DequeModule
package import NIOCore

/// What memory holds of a room: the newest of its messages, each once, numbered without a hole, in batches whose bytes
/// every reader's write shares.
///
/// Readers are ``Cursor``s; the log knows none of them. What is older is in the store, up to what its retention has let
/// go.
package struct RoomLog: Sendable {
    /// Names this log, so that a sequence of another is not mistaken for one of this.
    package let id: UInt64
    package let room: RoomName
    /// The oldest message that can be had, from memory or from the store; `head + 1` while there is none.
    package private(set) var first: UInt64
    /// The newest message; 0 while there is none.
    package private(set) var head: UInt64
    /// The batches in memory, the last of which ends at `head`.
    private var batches: Deque<MessageBatch> = []
    /// How many batches at the end are small, and wait to be joined.
    private var smallBatches = 0
    private var smallBytes = 0
    private var bytes = 0

    /// A log of which the store holds the messages from `first` to `head`.
    package init(id: UInt64, room: RoomName, first: UInt64 = 1, head: UInt64 = 0) {
        self.id = id
        self.room = room
        self.first = first
        self.head = head
    }

    /// The id of the log of a room that nothing was said in yet, always the same for the same store.
    package static func id(of room: RoomName, store: UInt64) -> UInt64 {
        let digest = SHA256.hash(data: Array("\(store)\n\(room)".utf8))
        return digest.prefix(8).reduce(0) { $0 << 8 | UInt64($1) } | 1
    }

    /// The oldest message in memory; `head + 1` while there is none.
    package var firstInMemory: UInt64 { batches.first?.first ?? head + 1 }

    /// What memory holds, in bytes.
    package var size: Int { bytes }

    /// Takes a batch that was stored, which begins behind the head.
    package mutating func append(_ batch: MessageBatch) {
        guard batch.first > head else { return assertionFailure("a batch that is there already") }
        head = batch.last
        batches.append(batch)
        bytes += batch.size
        joinSmallBatches(adding: batch.size)
    }

    /// Lets go of the oldest batches until memory holds at most `limit` bytes, but for the newest batch.
    package mutating func trim(to limit: Int) {
        while bytes > limit, batches.count > 1, let oldest = batches.popFirst() {
            bytes -= oldest.size
            smallBatches = min(smallBatches, batches.count)
        }
    }

    /// What is older than `sequence` is not to be had any more.
    package mutating func forget(before sequence: UInt64) {
        first = max(first, min(sequence, head + 1))
        while let oldest = batches.first, oldest.last < first {
            bytes -= oldest.size
            batches.removeFirst()
            smallBatches = min(smallBatches, batches.count)
        }
    }

    /// Lets go of all that the store has.
    package mutating func empty() {
        batches = []
        (smallBatches, smallBytes, bytes) = (0, 0, 0)
    }

    /// Many batches of a message each would make many small writes for a reader that is behind; each byte is copied once.
    private mutating func joinSmallBatches(adding size: Int) {
        if size >= Self.small {
            (smallBatches, smallBytes) = (0, 0)
            return
        }
        smallBatches += 1
        smallBytes += size
        guard smallBytes >= Self.joined || smallBatches >= 64 else { return }
        let small = batches.suffix(smallBatches)
        if let batch = MessageBatch(joining: small) {
            bytes += batch.size - small.reduce(0) { $0 + $1.size }
            batches.removeLast(smallBatches)
            batches.append(batch)
        }
        (smallBatches, smallBytes) = (0, 0)
    }

    private static let small = 8 * 1024
    private static let joined = 32 * 1024

    /// Where a session begins that has seen nothing: at the newest `history` messages.
    package func start(of session: UInt64, history: Int) -> Cursor {
        let wanted = head > UInt64(history) ? head - UInt64(history) + 1 : 1
        return Cursor(next: max(first, wanted), session: session, ownUpTo: head)
    }

    /// Where a session goes on that has seen everything up to `sequence`; its own messages are known to it.
    package func resume(after sequence: UInt64, session: UInt64) -> Cursor {
        Cursor(next: min(sequence, head) + 1, session: session, ownUpTo: 0)
    }

    /// What comes at `cursor`, in `dialect`: at least one message, then as many as fit into `limit` bytes.
    ///
    /// Moves the cursor behind it. Nil at the head.
    package mutating func read(_ cursor: inout Cursor, in dialect: Dialect, limit: Int) -> Delivery? {
        guard cursor.next <= head else { return nil }
        if cursor.next < first {
            defer { cursor.skip(to: first) }
            return .gap(first: cursor.next, last: first - 1)
        }
        guard cursor.next >= firstInMemory else { return .stored }
        var slices: [ByteBuffer] = []
        var total = 0
        var position = index(of: cursor.next)
        while position < batches.endIndex, total < limit {
            batches[position].encode(in: dialect)
            total += batches[position].read(&cursor, in: dialect, limit: limit - total, into: &slices)
            position += 1
        }
        return .messages(slices)
    }

    /// The messages from `from` to `through`; nil if memory does not hold them all.
    package func messages(from: UInt64, through: UInt64) -> [WireMessage]? {
        guard from >= firstInMemory, through <= head else { return nil }
        if from > through { return [] }
        var result: [WireMessage] = []
        var position = index(of: from)
        while position < batches.endIndex, batches[position].first <= through {
            result += batches[position].messages(from: from, through: through)
            position += 1
        }
        return result
    }

    /// The batch that holds `sequence`, which is one of those in memory.
    private func index(of sequence: UInt64) -> Int {
        // Nearly always it is the last.
        if let last = batches.last, last.first <= sequence { return batches.count - 1 }
        var (low, high) = (0, batches.count)
        while high - low > 1 {
            let middle = (low + high) / 2
            if batches[middle].first <= sequence { low = middle } else { high = middle }
        }
        return low
    }
}

/// What a log has for a reader.
package enum Delivery: Equatable, Sendable {
    /// Encoded messages, which share the log's memory. Empty if all that came were the reader's own.
    case messages([ByteBuffer])
    /// What comes next is to be read from the store.
    case stored
    /// The messages from `first` to `last` are no longer kept.
    case gap(first: UInt64, last: UInt64)
}
