// SPDX-License-Identifier: Apache-2.0

import MeshCore
import NIOCore
import Testing
import signaling_server

@Suite struct EventLogTests {
    @Test func `a reader gets what is behind its position, numbered`() {
        var log = EventLog(run: "r", bounds: EventLog.Bounds(events: 10, bytes: 10_000))
        #expect(log.part(after: 0, topic: nil, limit: 1) == .nothing)
        for number in 1...3 { log.append(event(number)) }
        #expect(text(log.part(after: 1, topic: nil, limit: .max)) == text(2) + text(3))
        #expect(log.part(after: 0, topic: nil, limit: 1) == .events(ByteBuffer(string: text(1)), upTo: 1))
        #expect(log.part(after: 3, topic: nil, limit: .max) == .nothing)
        #expect(log.id(at: 2) == "r-2")
    }

    @Test func `the oldest go where there are too many, and who has not had them is told`() {
        var log = EventLog(run: "r", bounds: EventLog.Bounds(events: 2, bytes: 10_000))
        for number in 1...4 { log.append(event(number)) }
        #expect(log.part(after: 1, topic: nil, limit: .max) == .gone)
        #expect(text(log.part(after: 2, topic: nil, limit: .max)) == text(3) + text(4))
        var small = EventLog(run: "r", bounds: EventLog.Bounds(events: 100, bytes: 2 * text(1).utf8.count))
        for number in 1...9 { small.append(event(number)) }
        #expect(small.count == 2)
        #expect(small.size == 2 * text(1).utf8.count)
    }

    @Test func `what is too old goes`() {
        var log = EventLog(run: "r", bounds: EventLog.Bounds(events: 10, bytes: 10_000))
        log.append(event(1), at: .uptimeNanoseconds(5))
        log.append(event(2), at: .uptimeNanoseconds(6))
        log.drop(before: .uptimeNanoseconds(6))
        #expect(log.oldest == 1)
        #expect(log.count == 1)
    }

    @Test func `only an id of this run that is still there is a position`() {
        var log = EventLog(run: "r", bounds: EventLog.Bounds(events: 2, bytes: 10_000))
        for number in 1...4 { log.append(event(number)) }
        #expect(log.position(of: "r-2") == 2)
        #expect(log.position(of: "r-4") == 4)
        for id in ["r-1", "r-5", "s-3", "r", "", "r-", "r--3", "r-99999999999999999999", "r-3-3", "r-+3"] {
            #expect(log.position(of: id) == nil, "\(id)")
        }
    }

    @Test func `who reads one topic gets those alone, and passes over the others`() {
        var log = EventLog(run: "r", bounds: EventLog.Bounds(events: 10, bytes: 10_000))
        log.append(event(1), topic: "a")
        log.append(event(2), topic: "b")
        log.append(event(3))
        #expect(log.part(after: 0, topic: "b", limit: .max) == .events(ByteBuffer(string: text(2)), upTo: 3))
        #expect(log.part(after: 2, topic: "b", limit: .max) == .events(ByteBuffer(), upTo: 3))
    }

    private func event(_ number: Int) -> ServerSentEvent { ServerSentEvent(name: "e", data: "\(number)") }

    private func text(_ number: Int) -> String { "id: r-\(number)\nevent: e\ndata: \(number)\n\n" }

    private func text(_ part: EventLog.Part) -> String? {
        if case .events(let bytes, _) = part { String(buffer: bytes) } else { nil }
    }
}
