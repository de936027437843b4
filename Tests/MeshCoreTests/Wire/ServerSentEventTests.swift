// SPDX-License-Identifier: Apache-2.0

import MeshCore
import Testing

@Suite struct ServerSentEventTests {
    private let events = [
        ServerSentEvent(id: "1-2", name: "joined", data: #"{"id":"a"}"#),
        ServerSentEvent(id: "", name: "resync", data: "{}"),
        ServerSentEvent(name: "left", data: "two\nlines: ü"),
    ]

    @Test func `what is written is read again, in whatever pieces it comes`() throws {
        let bytes = Array(events.map(\.text).joined(separator: ServerSentEvent.keepAlive).utf8)
        for size in [1, 2, 3, 7, bytes.count] {
            var decoder = ServerSentEventDecoder()
            var read: [ServerSentEvent] = []
            for start in stride(from: 0, to: bytes.count, by: size) {
                read += try decoder.received(bytes[start..<min(start + size, bytes.count)])
            }
            #expect(read == events)
        }
    }

    @Test(arguments: [
        ("data: a\r\n\r\n", [ServerSentEvent(name: "message", data: "a")]),
        ("data:a\rdata\r\r", [ServerSentEvent(name: "message", data: "a\n")]),
        ("event: x\n\n: nothing\n\n", []),
        ("event: x\nid: a\0b\nretry: 5\nother\ndata:  two\n\n", [ServerSentEvent(name: "x", data: " two")]),
        ("data: cut", []),
    ])
    func `other spellings are read as the standard says`(text: String, events: [ServerSentEvent]) throws {
        var decoder = ServerSentEventDecoder()
        #expect(try decoder.received(text.utf8) == events)
    }

    @Test func `an event without end is given up`() throws {
        var decoder = ServerSentEventDecoder(longest: 100)
        #expect(try decoder.received("data: \(String(repeating: "a", count: 80))\n\n".utf8).count == 1)
        #expect(throws: ServerSentEventFault.tooLong(limit: 100)) {
            for _ in 0..<100 { _ = try decoder.received("data: a\n".utf8) }
        }
    }
}
