// SPDX-License-Identifier: Apache-2.0

import DequeModule
package import NIOCore
import SwiftProtobuf

/// A room: each message once, in order, numbered from 1 without a hole, encoded once for each dialect that reads it.
///
/// Messages are appended to an open batch; ``seal()`` makes the batch readable, and from then on its bytes don't
/// change, so that every reader's write shares them. Readers are ``Cursor``s; the log knows none of them.
package struct RoomLog: Sendable {
    /// How much is remembered: at least the newest messages up to `messages`, but no more than `bytes`.
    package struct Retention: Equatable, Sendable {
        package let messages: Int
        package let bytes: Int

        package init(messages: Int, bytes: Int) {
            self.messages = messages
            self.bytes = bytes
        }
    }

    /// Names this log, so that a sequence of another is not mistaken for one of this.
    package let id: UInt64
    package let room: String
    private let retention: Retention
    private var sealed: Deque<Batch> = []
    private var open: Batch
    private var retainedMessages = 0
    private var retainedBytes = 0

    package init(id: UInt64, room: String, retention: Retention) {
        self.id = id
        self.room = room
        self.retention = retention
        open = Batch(first: 1)
    }

    /// The newest message that can be read; 0 while there is none.
    package var head: UInt64 { open.first - 1 }

    /// The oldest message that can be read; `head + 1` while there is none.
    package var first: UInt64 { sealed.first?.first ?? open.first }

    /// Gives `text` the next sequence.
    ///
    /// It can be read after the next ``seal()``.
    package mutating func append(_ text: String, by sender: Member, at time: MessageTime) -> UInt64 {
        let sequence = open.first + UInt64(open.messages.count)
        let message = WireMessage.with {
            $0.room = room
            $0.sequence = sequence
            $0.sender = sender.name.description
            $0.time = time
            $0.text = text
        }
        open.append(message, by: sender.number)
        return sequence
    }

    /// Makes what was appended readable, and forgets what retention does not hold.
    ///
    /// False if nothing was appended.
    package mutating func seal() -> Bool {
        if open.messages.isEmpty { return false }
        retainedMessages += open.messages.count
        retainedBytes += open.bytes
        sealed.append(open)
        open = Batch(first: open.first + UInt64(open.messages.count))
        while let oldest = sealed.first, sealed.count > 1,
            retainedMessages - oldest.messages.count >= retention.messages || retainedBytes > retention.bytes
        {
            retainedMessages -= oldest.messages.count
            retainedBytes -= oldest.bytes
            sealed.removeFirst()
        }
        return true
    }

    /// Where a member begins who has seen nothing: at the newest messages, as many as are remembered at least.
    package func start(of member: Member) -> Cursor {
        let wanted = head > UInt64(retention.messages) ? head - UInt64(retention.messages) + 1 : 1
        return Cursor(next: max(first, wanted), member: member.number, ownUpTo: head)
    }

    /// Where a member goes on who has seen everything up to `sequence`; its own messages are known to it.
    package func resume(after sequence: UInt64, member: Member) -> Cursor {
        Cursor(next: min(sequence, head) + 1, member: member.number, ownUpTo: 0)
    }

    /// What comes at `cursor`, in `dialect`: at least one message, then as many as fit into `limit` bytes.
    ///
    /// Moves the cursor behind it. Nil at the head.
    package mutating func read(_ cursor: inout Cursor, in dialect: Dialect, limit: Int) -> Delivery? {
        guard cursor.next <= head else { return nil }
        if cursor.next < first {
            defer { cursor.next = first }
            return .gap(first: cursor.next, last: first - 1)
        }
        var slices: [ByteBuffer] = []
        var bytes = 0
        var position = index(of: cursor.next)
        while position < sealed.endIndex, bytes < limit {
            sealed[position].encode(in: dialect)
            bytes += sealed[position].read(&cursor, in: dialect, limit: limit - bytes, into: &slices)
            position += 1
        }
        return .messages(slices)
    }

    /// The batch that holds `sequence`, which is one of the readable ones.
    private func index(of sequence: UInt64) -> Int {
        var (low, high) = (0, sealed.count)
        while high - low > 1 {
            let middle = (low + high) / 2
            if sealed[middle].first <= sequence { low = middle } else { high = middle }
        }
        return low
    }
}

/// Who is in a room: the account, and a number that stands for it where names would cost too much.
package struct Member: Hashable, Sendable {
    package let number: Int
    package let name: AccountName

    package init(number: Int, name: AccountName) {
        self.number = number
        self.name = name
    }
}

/// A member's position in a room's log.
package struct Cursor: Equatable, Sendable {
    /// The next message to be given.
    fileprivate(set) var next: UInt64
    /// Whose messages are passed over, since they come from here.
    let member: Int
    /// But not those up to this one, which are history.
    let ownUpTo: UInt64

    fileprivate func passesOver(_ sequence: UInt64, by sender: Int) -> Bool {
        sender == member && sequence > ownUpTo
    }
}

/// What a log has for a reader.
package enum Delivery: Equatable, Sendable {
    /// Encoded messages, which share the log's memory. Empty if all that came were the reader's own.
    case messages([ByteBuffer])
    /// The messages from `first` to `last` are no longer remembered.
    case gap(first: UInt64, last: UInt64)
}

/// The messages that were accepted in one turn of the event loop.
private struct Batch: Sendable {
    let first: UInt64
    private(set) var messages: [WireMessage] = []
    /// Roughly, in memory.
    private(set) var bytes = 0
    private var senders: [Int] = []
    private var encodings = [Encoding?](repeating: nil, count: Dialect.allCases.count)

    private struct Encoding {
        var bytes = ByteBuffer()
        /// Where each message ends.
        var ends: [Int] = []
    }

    init(first: UInt64) {
        self.first = first
    }

    mutating func append(_ message: WireMessage, by sender: Int) {
        messages.append(message)
        senders.append(sender)
        // Text and its usual encoding, and what a message costs besides.
        bytes += 2 * message.text.utf8.count + 256
    }

    mutating func encode(in dialect: Dialect) {
        guard encodings[dialect.rawValue] == nil else { return }
        var encoding = Encoding()
        encoding.ends.reserveCapacity(messages.count)
        for message in messages {
            dialect.write(.message(message), to: &encoding.bytes)
            encoding.ends.append(encoding.bytes.writerIndex)
        }
        encodings[dialect.rawValue] = encoding
    }

    /// Appends what is at `cursor` to `slices` and moves the cursor behind it; gives the bytes that were appended.
    func read(_ cursor: inout Cursor, in dialect: Dialect, limit: Int, into slices: inout [ByteBuffer]) -> Int {
        guard let encoding = encodings[dialect.rawValue] else { return 0 }
        var total = 0
        var position = Int(cursor.next - first)
        while position < messages.count, total < limit {
            // A run of messages that are to be given, one slice together.
            let start = position == 0 ? 0 : encoding.ends[position - 1]
            var end = start
            while position < messages.count, total + end - start < limit,
                !cursor.passesOver(first + UInt64(position), by: senders[position])
            {
                end = encoding.ends[position]
                position += 1
            }
            if end > start, let slice = encoding.bytes.getSlice(at: start, length: end - start) {
                slices.append(slice)
                total += end - start
            }
            while position < messages.count, cursor.passesOver(first + UInt64(position), by: senders[position]) {
                position += 1
            }
        }
        cursor.next = first + UInt64(position)
        return total
    }
}
