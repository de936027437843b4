// SPDX-License-Identifier: Apache-2.0

import MeshCore
import NIOCore
import SwiftProtobuf
import TestSupport
import Testing

@Suite struct HistoryRequestTests {
    /// What a session hands to its driver for a request.
    private func request(_ history: WireHistory) throws -> HistoryRequest {
        var session = RelaySession()
        _ = session.opened(.mayTakePasswords)
        _ = session.received(.login(.with { ($0.user, $0.password) = ("alice", "p") }))
        _ = session.verified(.right(.named("alice"), seal: ""))
        _ = session.entered(.admitted(.init(session: "s", heads: [], ticket: nil)))
        guard case .page(let request)? = session.received(.history(history)).first else {
            throw WireViolation.notAllowed("no page")
        }
        return request
    }

    private func before(_ sequence: UInt64, limit: UInt32 = 0) throws -> HistoryRequest {
        try request(.with { ($0.before, $0.limit) = (sequence, limit) })
    }

    private func after(_ sequence: UInt64, limit: UInt32 = 0) throws -> HistoryRequest {
        try request(.with { ($0.after, $0.limit) = (sequence, limit) })
    }

    /// Messages with these texts, numbered from 1.
    private func messages(_ texts: [String]) -> [WireMessage] {
        zip(texts, 1...).map { text, number in
            .with { ($0.room, $0.sender, $0.text, $0.sequence) = ("lobby", "bob", text, UInt64(number)) }
        }
    }

    @Test func `before is the newest that are older, after the oldest that are newer`() throws {
        #expect(try before(0, limit: 3).range(first: 1, head: 10) == 8...10)
        #expect(try before(5, limit: 3).range(first: 1, head: 10) == 2...4)
        #expect(try before(.max, limit: 3).range(first: 1, head: 10) == 8...10)
        #expect(try after(0, limit: 3).range(first: 1, head: 10) == 1...3)
        #expect(try after(8, limit: 3).range(first: 1, head: 10) == 9...10)
        #expect(try request(WireHistory()).range(first: 1, head: 10) == 1...10)
    }

    @Test func `what is not kept is not there`() throws {
        #expect(try before(6, limit: 3).range(first: 5, head: 10) == 5...5)
        #expect(try before(5).range(first: 5, head: 10) == nil)
        #expect(try before(1).range(first: 1, head: 10) == nil)
        #expect(try after(0, limit: 2).range(first: 5, head: 10) == 5...6)
        #expect(try after(10).range(first: 5, head: 10) == nil)
        #expect(try after(.max).range(first: 5, head: 10) == nil)
        #expect(try before(0).range(first: 1, head: 0) == nil)
    }

    @Test func `a page has at most 100 messages`() throws {
        #expect(try before(0).range(first: 1, head: 1_000) == 901...1_000)
        #expect(try after(0, limit: .max).range(first: 1, head: 1_000) == 1...100)
    }

    @Test(arguments: [
        // What JSON escapes takes twice the place.
        ["\"", "\"", "\""], ["short", "\"", "short", "\""], ["\"", "short", "\"", "short"], ["x", "x", "x"],
    ])
    func `a page is a frame's worth, without a hole, and says whether there is more`(letters: [String]) throws {
        let all = messages(letters.map { $0 == "short" ? $0 : String(repeating: $0, count: RelayLimits.text) })
        let count = UInt64(all.count)
        for request in [try before(0), try after(0)] {
            let event = request.page(all, first: 1, head: count)
            guard case .page(let page) = event else { throw WireViolation.notAllowed("no page") }
            let numbers = page.messages.map(\.sequence)
            let (first, last) = try (#require(numbers.first), #require(numbers.last))
            #expect(numbers == Array(first...last))
            #expect(request.edge == .before(0) ? last == count : first == 1)
            #expect(page.more == (numbers.count < all.count))
            for dialect in [Dialect.json, .binary] {
                var buffer = ByteBuffer()
                dialect.write(event, to: &buffer)
                #expect(buffer.readableBytes <= RelayLimits.frame)
            }
        }
    }

    @Test func `many short messages are a page`() throws {
        let event = try before(0).page(messages(Array(repeating: "short", count: 100)), first: 1, head: 100)
        guard case .page(let page) = event else { throw WireViolation.notAllowed("no page") }
        #expect(page.messages.count == 100)
        #expect(!page.more)
    }
}
