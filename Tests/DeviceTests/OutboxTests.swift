// SPDX-License-Identifier: Apache-2.0

import MeshCore
import NIOCore
import Testing

@testable import device

@Suite struct OutboxTests {
    private let start = NIODeadline.uptimeNanoseconds(1_000_000_000)
    private let kitchen: Directory.Entry
    private var outbox = Outbox(limit: 100)

    init() throws {
        kitchen = .init(id: try #require(DeviceID("1a2b3c4d-0000-8000-8000-000000000000")), name: "kitchen")
    }

    @Test mutating func `a text waits for its device, and then goes once`() {
        add(.word("kitchen"))
        #expect(outbox.resolve(Directory(entries: [])).isEmpty)
        #expect(outbox.resolve(Directory(entries: [kitchen])).isEmpty)
        #expect(outbox.takeReady { _ in false }.isEmpty)
        let ready = outbox.takeReady { _ in true }
        #expect(ready.map(\.0) == [kitchen.id])
        #expect(outbox.takeReady { _ in true }.isEmpty)
        #expect(!outbox.isIdle && outbox.nothingWaits)
        #expect(outbox.settled(ready[0].1.token)?.kind == .text("hello"))
        #expect(outbox.settled(ready[0].1.token) == nil)
        #expect(outbox.isIdle)
    }

    @Test mutating func `what waits for too long is over, but not for a connected device`() {
        add(.device(kitchen))
        #expect(outbox.nextDeadline == start + .seconds(10))
        #expect(outbox.takeExpired(at: start + .seconds(9)) { _ in false }.isEmpty)
        #expect(outbox.takeExpired(at: start + .seconds(10)) { _ in true }.isEmpty)
        #expect(outbox.takeExpired(at: start + .seconds(10)) { _ in false }.count == 1)
        #expect(outbox.isIdle)
    }

    @Test mutating func `no more texts are under way than a connection takes, in their order`() {
        for _ in 0..<(PeerLimits.window + 2) { add(.device(kitchen)) }
        let ready = outbox.takeReady { _ in true }
        #expect(ready.count == PeerLimits.window)
        #expect(ready.map(\.1.token) == ready.map(\.1.token).sorted())
        _ = outbox.settled(ready[0].1.token)
        #expect(outbox.takeReady { _ in true }.count == 1)
    }

    @Test mutating func `what was not sent after all waits again, in its order`() {
        for _ in 0..<3 { add(.device(kitchen)) }
        let ready = outbox.takeReady { _ in true }.map(\.1.token)
        outbox.putBack(ready[1])
        outbox.putBack(ready[0])
        outbox.putBack(99)
        #expect(outbox.takeReady { _ in true }.map(\.1.token) == Array(ready.prefix(2)))
    }

    @Test mutating func `a word that means several devices is given back`() throws {
        let other = Directory.Entry(id: try #require(DeviceID("2a2b3c4d-0000-8000-8000-000000000000")), name: "kitchen")
        add(.word("kitchen"))
        #expect(outbox.resolve(Directory(entries: [kitchen, other])).map(\.several) == [[kitchen, other]])
        #expect(outbox.isIdle)
    }

    @Test mutating func `no more waits than the limit`() {
        for _ in 0..<100 { add(.device(kitchen)) }
        let hasRoom = outbox.add(.ping, to: .device(kitchen), deadline: start)
        #expect(!hasRoom)
    }

    private mutating func add(_ target: Outbox.Target) {
        let hasRoom = outbox.add(.text("hello"), to: target, deadline: start + .seconds(10))
        #expect(hasRoom)
    }
}
