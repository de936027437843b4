// SPDX-License-Identifier: Apache-2.0

import DequeModule
package import MeshCore
package import NIOCore

/// The latest events of a stream, numbered without a hole, each encoded once for all who read it.
///
/// A reader is a position: the number of the last event that it has been given.
package struct EventLog: Sendable {
    /// What bounds the memory of a log.
    package struct Bounds: Equatable, Sendable {
        package var events: Int
        package var bytes: Int

        package init(events: Int, bytes: Int) {
            (self.events, self.bytes) = (events, bytes)
        }
    }

    /// What is behind a position.
    package enum Part: Equatable, Sendable {
        case nothing
        /// Bytes to send, which may be none, and the position after them.
        case events(ByteBuffer, upTo: UInt64)
        /// Some of it is no longer there.
        case gone
    }

    private struct Entry {
        let bytes: ByteBuffer
        let topic: String?
        let added: NIODeadline
    }

    /// The number of the latest event.
    package private(set) var head: UInt64 = 0
    private let run: String
    private let bounds: Bounds
    private var entries: Deque<Entry> = []
    private var bytes = 0

    /// `run` tells the events of one run of the server from those of another.
    package init(run: String, bounds: Bounds) {
        (self.run, self.bounds) = (run, bounds)
    }

    /// The bytes that are kept.
    package var size: Int { bytes }

    package var count: Int { entries.count }

    /// Adds an event, which gets its number here; who reads one topic alone gets those of it alone.
    package mutating func append(
        _ event: ServerSentEvent,
        topic: String? = nil,
        at now: NIODeadline = .uptimeNanoseconds(0)
    ) {
        head += 1
        var event = event
        event.id = id(at: head)
        let encoded = ByteBuffer(string: event.text)
        bytes += encoded.readableBytes
        entries.append(Entry(bytes: encoded, topic: topic, added: now))
        while entries.count > bounds.events || (bytes > bounds.bytes && entries.count > 1) { dropFirst() }
    }

    /// Forgets what was added before an instant.
    package mutating func drop(before instant: NIODeadline) {
        while let first = entries.first, first.added < instant { dropFirst() }
    }

    /// What `Last-Event-ID` says for a position.
    package func id(at position: UInt64) -> String { "\(run)-\(position)" }

    /// The position that an id stands for; nil for one of another run, or of what is no longer there.
    package func position(of id: String) -> UInt64? {
        let sides = id.split(separator: "-", omittingEmptySubsequences: false)
        // A number may have a sign, a position doesn't.
        guard sides.count == 2, sides[0] == run, sides[1].first != "+", let position = UInt64(sides[1]) else {
            return nil
        }
        return position <= head && position >= oldest ? position : nil
    }

    /// Where a reader can begin at the earliest.
    package var oldest: UInt64 { head - UInt64(entries.count) }

    /// What to send to who has had all up to `position`: about `limit` bytes, of one topic or of all.
    package func part(after position: UInt64, topic: String?, limit: Int) -> Part {
        guard position < head else { return .nothing }
        guard position >= oldest else { return .gone }
        var part = ByteBuffer()
        var end = position
        for entry in entries[Int(position - oldest)...] {
            if part.readableBytes >= limit { break }
            end += 1
            if topic == nil || topic == entry.topic { part.writeImmutableBuffer(entry.bytes) }
        }
        return .events(part, upTo: end)
    }

    private mutating func dropFirst() {
        bytes -= entries.removeFirst().bytes.readableBytes
    }
}
