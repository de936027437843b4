// SPDX-License-Identifier: Apache-2.0

import MeshCore
import NIOCore
import SwiftProtobuf

/// What a store may have kept: the bytes of the first line are the messages' sessions, the rest their frames.
///
/// What is taken for a batch is one: each part of it, and each reader at any pace, gets the messages that it should.
func fuzzBatches(_ input: [UInt8]) {
    let sessions = input.prefix { $0 != UInt8(ascii: "\n") }.map { UInt64($0) }
    let frames = ByteBuffer(bytes: input.dropFirst(sessions.count + 1))
    guard var batch = MessageBatch(first: first, frames: frames, sessions: sessions) else { return }
    let all = batch.messages(from: 0, through: .max)
    require(all.map(\.sequence) == Array(first...batch.last), "\(all) are not \(batch.count) from \(first) on")
    for (from, through) in [(0, 1), (0, first), (first, .max), (batch.last, .max), (batch.last + 1, .max)] {
        let part = batch.messages(from: from, through: through)
        require(part == all.filter { (from...through).contains($0.sequence) }, "\(part) from \(from) to \(through)")
    }
    // The relay gives no others, and JSON has no form for them.
    guard all.allSatisfy({ (0..<253_402_300_800).contains($0.time.seconds) && $0.time.nanos == 0 }) else { return }
    for dialect in Dialect.allCases {
        batch.encode(in: dialect)
        for session in Set(sessions.prefix(2) + [256]) {
            let others = zip(all, sessions).filter { $0.1 != session }.map(\.0)
            for limit in [1, 100, Int.max] { read(batch, as: session, in: dialect, limit: limit, expecting: others) }
        }
    }
}

private let first: UInt64 = 7

private func read(
    _ batch: MessageBatch,
    as session: UInt64,
    in dialect: Dialect,
    limit: Int,
    expecting messages: [WireMessage]
) {
    var cursor = Cursor(next: first, session: session, ownUpTo: 0)
    var read = ByteBuffer()
    while cursor.next <= batch.last {
        let place = cursor.next
        var slices: [ByteBuffer] = []
        _ = batch.read(&cursor, in: dialect, limit: limit, into: &slices)
        require(cursor.next > place, "No way on from \(place)")
        for slice in slices { read.writeImmutableBuffer(slice) }
    }
    if dialect == .binary {
        // What was stored need not be as we write it.
        let events = Decoded([ArraySlice(read.readableBytesView)], decoderOfEvents())
        return require(events.messages == messages.map { .message($0) }, "\(events) are not \(messages)")
    }
    var expected = ByteBuffer()
    for message in messages { dialect.write(.message(message), to: &expected) }
    require(read == expected, "\(String(buffer: read)) is not \(String(buffer: expected))")
}

private func decoderOfEvents() -> (inout ByteBuffer) throws(WireViolation) -> RelayEvent? {
    var decoder = RelayEventDecoder()
    return { buffer throws(WireViolation) in try decoder.next(from: &buffer) }
}
