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
        #expect(outbox.takeReady { _, _ in false } == nil)
        let ready = takeAllReady()
        #expect(ready.map(\.0) == [kitchen.id])
        #expect(outbox.takeReady { _, _ in true } == nil)
        #expect(!outbox.isIdle && !outbox.promptWaits)
        #expect(outbox.settled(ready[0].1.token)?.kind == .text("hello"))
        #expect(outbox.settled(ready[0].1.token) == nil)
        #expect(outbox.isIdle)
    }

    @Test mutating func `what waits for too long is over`() {
        add(.device(kitchen))
        #expect(outbox.nextDeadline == start + .seconds(10))
        #expect(outbox.takeExpired(at: start + .seconds(9)).isEmpty)
        #expect(outbox.takeExpired(at: start + .seconds(10)).count == 1)
        #expect(outbox.isIdle)
    }

    @Test mutating func `the texts under way for too long are given back in their order, where the device is gone`() {
        for _ in 0..<3 { add(.device(kitchen)) }
        let ready = takeAllReady().map(\.1.token)
        _ = outbox.settled(ready[1])
        let late = start + .seconds(10)
        #expect(outbox.takeOverdue(at: start) { _ in false }.isEmpty)
        #expect(outbox.takeOverdue(at: late) { _ in true }.isEmpty)
        #expect(outbox.takeOverdue(at: late) { _ in false }.isEmpty)
        #expect(outbox.takeOverdue(at: late + .seconds(1)) { _ in false }.map(\.token) == [ready[0], ready[2]])
        #expect(outbox.isIdle)
    }

    @Test mutating func `a word that means several devices is given back`() throws {
        let other = Directory.Entry(id: try #require(DeviceID("2a2b3c4d-0000-8000-8000-000000000000")), name: "kitchen")
        add(.word("kitchen"))
        #expect(outbox.resolve(Directory(entries: [kitchen, other])).map(\.several) == [[kitchen, other]])
        #expect(outbox.isIdle)
    }

    @Test mutating func `no more waits than the limit`() {
        for _ in 0..<100 { add(.device(kitchen)) }
        let hasRoom = outbox.add(.ping, to: .device(kitchen), for: .prompt, deadline: start)
        #expect(!hasRoom)
    }

    @Test mutating func `what need not wait is under way at once, and is settled as the rest`() {
        let errand = outbox.begin(.text("hello"), to: .device(kitchen), for: .prompt, deadline: start)
        #expect(outbox.nothingWaits && !outbox.isIdle && outbox.holdsAny(of: .prompt))
        #expect(outbox.settled(errand.token) == errand)
        #expect(outbox.isIdle)
    }

    @Test mutating func `of many pings some wait for the answers of those before`() {
        for _ in 0..<20 { _ = outbox.add(.ping, to: .device(kitchen), for: .prompt, deadline: start) }
        add(.device(kitchen))
        let ready = takeAllReady()
        #expect(ready.count { $0.1.kind == .ping } == PeerLimits.measurements / 2)
        #expect(ready.last?.1.kind == .text("hello"))
        #expect(outbox.settled(ready[0].1.token)?.kind == .ping)
        #expect(takeAllReady().map(\.1.kind) == [.ping])
    }

    private mutating func takeAllReady() -> [(DeviceID, Outbox.Errand)] {
        var all: [(DeviceID, Outbox.Errand)] = []
        while let ready = outbox.takeReady({ _, _ in true }) { all.append(ready) }
        return all
    }

    private mutating func add(_ target: Outbox.Target) {
        let hasRoom = outbox.add(.text("hello"), to: target, for: .prompt, deadline: start + .seconds(10))
        #expect(hasRoom)
    }
}
