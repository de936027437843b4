// SPDX-License-Identifier: Apache-2.0

import Crypto
package import NIOCore
import SwiftProtobuf

/// What a client says: text, or bytes.
package typealias MessageBody = WirePublish.OneOf_Body

extension MessageBody {
    /// The length of what is said, in bytes.
    package var bytes: Int {
        switch self {
        case .text(let text): text.utf8.count
        case .data(let data): data.count
        }
    }
}

/// Who published a message: an account, and by a number the session of it, whose own messages are not sent back to it.
package struct Author: Hashable, Sendable {
    package let account: AccountName
    /// The same for the same account and session, also after a restart of the relay.
    package let session: UInt64

    package init(account: AccountName, session: UInt64) {
        self.account = account
        self.session = session
    }

    /// The author of a session's messages: the session's number is 64 bits of SHA-256 over both names.
    package init(account: AccountName, sessionNamed name: String) {
        let digest = SHA256.hash(data: Array("\(account)\n\(name)".utf8))
        self.init(account: account, session: digest.prefix(8).reduce(0) { $0 << 8 | UInt64($1) })
    }
}

/// A message that was published and has no sequence yet.
package struct MessageDraft: Equatable, Sendable {
    package let author: Author
    package let clientMessageID: String
    package let body: MessageBody
    package let time: MessageTime

    package init(author: Author, clientMessageID: String, body: MessageBody, time: MessageTime) {
        self.author = author
        self.clientMessageID = clientMessageID
        self.body = body
        self.time = time
    }
}

/// Messages of one room that follow one another, encoded once for each dialect that reads them.
///
/// The frames of the binary dialect are what is stored; the other dialects are made of them when they are first wanted.
package struct MessageBatch: Sendable {
    /// The first message's sequence.
    package let first: UInt64
    /// How many messages there are, at least one.
    package var count: Int { binary.ends.count }
    /// The last message's sequence.
    package var last: UInt64 { first + UInt64(count) - 1 }
    /// The messages as the binary dialect says them, one event after the other.
    package var frames: ByteBuffer { binary.bytes }
    /// Each message's session of its author.
    private let sessions: [UInt64]
    /// The sessions without repetition, as long as they are few.
    private let fewSessions: [UInt64]?
    private let binary: Encoding
    private var json: Encoding?
    private var lines: Encoding?

    fileprivate struct Encoding: Sendable {
        var bytes = ByteBuffer()
        /// Where each message ends.
        var ends: [Int] = []
    }

    /// Encodes drafts, of which there is at least one, as the messages of `room` from `first` on.
    package init(_ drafts: [MessageDraft], in room: RoomName, from first: UInt64) {
        var encoding = Encoding()
        encoding.ends.reserveCapacity(drafts.count)
        encoding.bytes.reserveCapacity(drafts.reduce(0) { $0 + $1.body.bytes + 96 })
        var message = WireMessage()
        message.room = room.description
        message.sequence = first
        for draft in drafts {
            message.sender = draft.author.account.description
            message.time = draft.time
            message.body =
                switch draft.body {
                case .text(let text): .text(text)
                case .data(let bytes): .data(bytes)
                }
            Dialect.binary.write(.message(message), to: &encoding.bytes)
            encoding.ends.append(encoding.bytes.writerIndex)
            message.sequence += 1
        }
        self.init(first: first, sessions: drafts.map(\.author.session), binary: encoding)
    }

    /// What was stored: `frames` with a message of each of `sessions`, numbered from `first` on.
    ///
    /// Nil if that is not what they are: each dialect is to have a form of each message.
    package init?(first: UInt64, frames: ByteBuffer, sessions: [UInt64]) {
        var encoding = Encoding(bytes: frames)
        var rest = frames
        var decoder = RelayEventDecoder()
        while rest.readableBytes > 0 {
            guard case .message(let message)? = try? decoder.next(from: &rest),
                message.sequence == first + UInt64(encoding.ends.count)
            else { return nil }
            encoding.ends.append(rest.readerIndex)
        }
        guard !sessions.isEmpty, encoding.ends.count == sessions.count else { return nil }
        self.init(first: first, sessions: sessions, binary: encoding)
    }

    /// Batches that follow one another, as one.
    package init?(joining batches: some Collection<MessageBatch>) {
        guard let head = batches.first else { return nil }
        self.init(
            first: head.first,
            sessions: batches.flatMap(\.sessions),
            binary: Encoding(joining: batches.map(\.binary))
        )
        let json = batches.compactMap(\.json)
        if json.count == batches.count { self.json = Encoding(joining: json) }
        let lines = batches.compactMap(\.lines)
        if lines.count == batches.count { self.lines = Encoding(joining: lines) }
    }

    private init(first: UInt64, sessions: [UInt64], binary: Encoding) {
        self.first = first
        self.sessions = sessions
        self.binary = binary
        fewSessions = Self.distinct(sessions)
    }

    private static func distinct(_ sessions: [UInt64]) -> [UInt64]? {
        var distinct: [UInt64] = []
        for session in sessions where !distinct.contains(session) {
            if distinct.count == 16 { return nil }
            distinct.append(session)
        }
        return distinct
    }

    /// What the batch takes in memory, in bytes.
    package var size: Int {
        let encodings = [binary, json, lines].reduce(0) { $0 + ($1.map { $0.bytes.readableBytes + 8 * count } ?? 0) }
        return encodings + 8 * count + 256
    }

    /// The messages from `from` to `through`, as values.
    package func messages(from: UInt64, through: UInt64) -> [WireMessage] {
        guard from <= last, through >= first, from <= through else { return [] }
        let range = Int(max(from, first) - first)...Int(min(through, last) - first)
        guard var bytes = slice(Range(range), of: binary) else { return [] }
        var result: [WireMessage] = []
        var decoder = RelayEventDecoder()
        while let event = try? decoder.next(from: &bytes) {
            if case .message(let message) = event { result.append(message) }
        }
        return result
    }

    /// Makes sure that ``read(_:in:limit:into:)`` finds this dialect.
    package mutating func encode(in dialect: Dialect) {
        switch dialect {
        case .binary: break
        case .json: if json == nil { json = encoding(in: dialect) }
        case .lines: if lines == nil { lines = encoding(in: dialect) }
        }
    }

    private func encoding(in dialect: Dialect) -> Encoding {
        var encoding = Encoding()
        encoding.ends.reserveCapacity(count)
        for message in messages(from: first, through: last) {
            dialect.write(.message(message), to: &encoding.bytes)
            encoding.ends.append(encoding.bytes.writerIndex)
        }
        return encoding
    }

    /// Appends what is at `cursor`, which is in the batch, to `slices`, and moves the cursor behind it.
    ///
    /// At least one message, then as many as fit into `limit` bytes. Gives the bytes that were appended. The dialect must
    /// be one that was encoded.
    package func read(_ cursor: inout Cursor, in dialect: Dialect, limit: Int, into slices: inout [ByteBuffer]) -> Int {
        let encoding: Encoding? =
            switch dialect {
            case .binary: binary
            case .json: json
            case .lines: lines
            }
        guard let encoding, encoding.ends.count == count else { return 0 }
        var position = Int(cursor.next - first)
        var total = 0
        while position < count, total < limit {
            let end = run(from: position, of: cursor, in: encoding, limit: limit - total)
            if end > position, let slice = slice(position..<end, of: encoding) {
                slices.append(slice)
                total += slice.readableBytes
                cursor.given += UInt64(end - position)
            }
            position = end
            while position < count, isOwn(position, of: cursor) { position += 1 }
        }
        cursor.next = first + UInt64(position)
        return total
    }

    /// Where the messages end that are to be given together, from `position` on.
    private func run(from position: Int, of cursor: Cursor, in encoding: Encoding, limit: Int) -> Int {
        let start = position == 0 ? 0 : encoding.ends[position - 1]
        if let fewSessions, !fewSessions.contains(cursor.session), encoding.bytes.writerIndex - start <= limit {
            return count
        }
        var end = position
        while end < count, !isOwn(end, of: cursor) {
            end += 1
            if encoding.ends[end - 1] - start >= limit { break }
        }
        return end
    }

    /// Whether the message is the reader's own, and not history to it.
    private func isOwn(_ position: Int, of cursor: Cursor) -> Bool {
        sessions[position] == cursor.session && first + UInt64(position) > cursor.ownUpTo
    }

    private func slice(_ range: Range<Int>, of encoding: Encoding) -> ByteBuffer? {
        let start = range.lowerBound == 0 ? 0 : encoding.ends[range.lowerBound - 1]
        return encoding.bytes.getSlice(at: start, length: encoding.ends[range.upperBound - 1] - start)
    }

    /// The sessions of the authors, in the order of the messages.
    package var authorSessions: [UInt64] { sessions }
}

extension MessageBatch.Encoding {
    fileprivate init(joining parts: [Self]) {
        bytes.reserveCapacity(parts.reduce(0) { $0 + $1.bytes.readableBytes })
        ends.reserveCapacity(parts.reduce(0) { $0 + $1.ends.count })
        for part in parts {
            let offset = bytes.writerIndex
            bytes.writeImmutableBuffer(part.bytes)
            ends += part.ends.map { offset + $0 }
        }
    }
}

/// A session's position in a room's log.
package struct Cursor: Equatable, Sendable {
    /// The next message to be given.
    package fileprivate(set) var next: UInt64
    /// Whose messages are passed over, since they come from here.
    package let session: UInt64
    /// But not those up to this one, which are history.
    package let ownUpTo: UInt64
    /// How many messages it was given.
    package fileprivate(set) var given: UInt64 = 0

    package init(next: UInt64, session: UInt64, ownUpTo: UInt64) {
        self.next = next
        self.session = session
        self.ownUpTo = ownUpTo
    }

    /// Goes to `sequence`, if that is further on.
    package mutating func skip(to sequence: UInt64) {
        next = max(next, sequence)
    }
}
