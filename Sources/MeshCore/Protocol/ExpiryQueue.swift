// SPDX-License-Identifier: Apache-2.0

import HeapModule
import NIOCore

/// What ends when.
///
/// A sign of life only notes the new end; the queue is looked into again when the old one comes. So a heartbeat costs no
/// more than a look-up, and an entry of the queue that no longer counts is dropped when its time comes or when there
/// are more of those than of the others.
struct ExpiryQueue<ID: Hashable & Sendable>: Sendable {
    private struct Entry: Comparable {
        let instant: NIODeadline
        let id: ID

        static func < (left: Entry, right: Entry) -> Bool { left.instant < right.instant }
    }

    private struct End {
        var instant: NIODeadline
        /// Where in the queue the one entry that counts is.
        var queued: NIODeadline
    }

    private var ends: [ID: End] = [:]
    private var queue = Heap<Entry>()

    /// Makes room for so many at once.
    mutating func reserve(_ count: Int) {
        ends.reserveCapacity(count)
    }

    /// `id` ends at `instant`, whatever was said before.
    mutating func set(_ id: ID, to instant: NIODeadline) {
        if let end = ends[id], end.queued <= instant {
            ends[id] = End(instant: instant, queued: end.queued)
        } else {
            enqueue(id, at: instant)
        }
    }

    mutating func remove(_ id: ID) {
        ends[id] = nil
    }

    /// Takes out one that has ended; nil where there is none.
    mutating func popEnded(at now: NIODeadline) -> ID? {
        while let first = queue.min, first.instant <= now {
            queue.removeMin()
            guard let end = ends[first.id], end.queued == first.instant else { continue }
            if end.instant <= now {
                ends[first.id] = nil
                return first.id
            }
            enqueue(first.id, at: end.instant)
        }
        return nil
    }

    /// Takes out the one that ends first, though its time hasn't come; nil where there is none.
    mutating func popFirst() -> ID? {
        while let first = queue.popMin() {
            guard let end = ends[first.id], end.queued == first.instant else { continue }
            if end.instant <= first.instant {
                ends[first.id] = nil
                return first.id
            }
            enqueue(first.id, at: end.instant)
        }
        return nil
    }

    /// Entries that are kept, with those that no longer count.
    var count: Int { queue.count }

    private mutating func enqueue(_ id: ID, at instant: NIODeadline) {
        ends[id] = End(instant: instant, queued: instant)
        queue.insert(Entry(instant: instant, id: id))
        // Else somebody who comes and goes all day long fills the memory.
        guard queue.count > 2 * ends.count + 64 else { return }
        ends = ends.mapValues { End(instant: $0.instant, queued: $0.instant) }
        queue = Heap(ends.map { Entry(instant: $1.queued, id: $0) })
    }
}
