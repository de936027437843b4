// SPDX-License-Identifier: Apache-2.0

import MeshCore
import NIOCore
import TestSupport
import Testing

@Suite struct PublishedMessagesTests {
    private let start = NIODeadline.uptimeNanoseconds(1)
    private var published: PublishedMessages

    init() {
        var window = PublishedMessages.Window()
        (window.time, window.messages, window.limit) = (.seconds(10), 3, 5)
        published = PublishedMessages(window: window)
    }

    @Test mutating func `a message that is sent again has the place that it got first`() throws {
        let key = try key("1")
        let number = try begin(key)
        #expect(published.began(key, in: .lobby, now: start) == .known(.init(room: .lobby, sequence: 0)))
        published.finished(number, at: 7)
        let elsewhere = RoomName.inbox(of: .named("bob"))
        #expect(published.began(key, in: elsewhere, now: start) == .known(.init(room: .lobby, sequence: 7)))
        _ = try begin(try self.key("1", "bob"))
        #expect(PublishedMessages.Key("", by: .named("alice")) == nil)
    }

    @Test mutating func `one that failed may be sent again, and is remembered from then on`() throws {
        let key = try key("1")
        published.failed(try begin(key))
        #expect(published.place(of: key) == nil)
        published.finished(try begin(key, at: start + .seconds(9)), at: 1)
        for id in 2...4 { try remember(id, at: start + .seconds(11)) }
        #expect(published.place(of: key)?.sequence == 1)
    }

    @Test mutating func `an id is forgotten when it is old and enough newer ones are there, or too many`() throws {
        for id in 1...3 { try remember(id, at: start) }
        try remember(4, at: start + .seconds(9))
        #expect(try published.place(of: key("1")) != nil)
        try remember(5, at: start + .seconds(11))
        #expect(try (1...5).map { try published.place(of: key("\($0)")) != nil } == [false, false, true, true, true])
        for id in 6...8 { try remember(id, at: start + .seconds(12)) }
        #expect(published.count == 5)
        #expect(try published.place(of: key("3")) == nil)
    }

    @Test mutating func `an answer for one that was forgotten meanwhile changes nothing`() throws {
        let (late, failed) = (try begin(key("late")), try begin(key("failed")))
        for id in 1...6 { try remember(id, at: start) }
        let again = try begin(key("late"))
        published.finished(late, at: 99)
        published.failed(failed)
        published.finished(again, at: 7)
        #expect(try published.place(of: key("late"))?.sequence == 7)
        #expect(published.count == 5)
    }

    /// The number of a message that is new.
    private mutating func begin(
        _ key: PublishedMessages.Key,
        at time: NIODeadline? = nil
    ) throws
        -> PublishedMessages.Number
    {
        let beginning = published.began(key, in: .lobby, now: time ?? start)
        let number: PublishedMessages.Number? = if case .new(let number) = beginning { number } else { nil }
        return try #require(number)
    }

    private mutating func remember(_ id: Int, at time: NIODeadline) throws {
        published.remember(try key("\(id)"), at: .init(room: .lobby, sequence: UInt64(id)), now: time)
    }

    private func key(_ id: String, _ account: String = "alice") throws -> PublishedMessages.Key {
        try #require(PublishedMessages.Key(id, by: .named(account)))
    }
}
