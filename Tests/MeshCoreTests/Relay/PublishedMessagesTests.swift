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
        #expect(published.began(key, in: .lobby, now: start) == nil)
        #expect(published.began(key, in: .lobby, now: start) == .init(room: .lobby, sequence: 0))
        published.finished(key, at: 7)
        let elsewhere = RoomName.inbox(of: .named("bob"))
        #expect(published.began(key, in: elsewhere, now: start) == .init(room: .lobby, sequence: 7))
        #expect(published.began(try self.key("1", "bob"), in: .lobby, now: start) == nil)
        #expect(PublishedMessages.Key("", by: .named("alice")) == nil)
    }

    @Test mutating func `one that failed may be sent again, and is remembered from then on`() throws {
        let key = try key("1")
        _ = published.began(key, in: .lobby, now: start)
        published.failed(key)
        #expect(published.place(of: key) == nil)
        #expect(published.began(key, in: .lobby, now: start + .seconds(9)) == nil)
        published.finished(key, at: 1)
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

    private mutating func remember(_ id: Int, at time: NIODeadline) throws {
        published.remember(try key("\(id)"), at: .init(room: .lobby, sequence: UInt64(id)), now: time)
    }

    private func key(_ id: String, _ account: String = "alice") throws -> PublishedMessages.Key {
        try #require(PublishedMessages.Key(id, by: .named(account)))
    }
}
