// SPDX-License-Identifier: Apache-2.0

import Foundation
import MeshCore
import NIOCore
import TestSupport
import Testing

@Suite struct BroadcastSourceTests {
    private let kit: DiscoveryKit
    private var source: BroadcastSource

    init() throws {
        kit = try DiscoveryKit()
        source = BroadcastSource(ownID: kit.own, port: 9_000)
    }

    @Test mutating func `it announces at once and every 30 seconds`() {
        let start = kit.start
        #expect(source.announcement(from: "192.0.2.1") == BroadcastPacket(port: 9_000, node: "\(kit.own)").bytes)
        #expect(source.started(at: start) == [.announce, .setTimer(start + .seconds(30))])
        #expect(source.timerFired(at: start + .seconds(29)) == [.setTimer(start + .seconds(30))])
        #expect(source.timerFired(at: start + .seconds(30)) == [.announce, .setTimer(start + .seconds(60))])
    }

    @Test mutating func `it announces at once when somebody new is seen, but once a second at most`() throws {
        let start = kit.start
        _ = source.started(at: start)
        let first = try heard(kit.other, at: start + .seconds(5))
        #expect(first.contains(.announce))
        #expect(try !heard(kit.other, at: start + .seconds(6)).contains(.announce))
        // Invented newcomers cost one announcement a second.
        let actions = try (0..<200).flatMap { number in
            try heard(
                DiscoveryKit.device(number),
                from: "192.0.2.\(number)",
                at: start + .milliseconds(6_000 + Int64(number))
            )
        }
        #expect(actions.count { $0 == .announce } == 1)
        #expect(source.timerFired(at: start + .milliseconds(7_300)).contains(.announce))
    }

    @Test mutating func `a sighting has the sender's address and the packet's port, for three periods`() throws {
        let start = kit.start
        let endpoint = try kit.endpoint("192.0.2.7:9001")
        let expected = Sighting(id: kit.other, endpoints: [endpoint], source: .broadcast, until: start + .seconds(90))
        #expect(try heard(kit.other, at: start).contains(.sighted(expected)))
    }

    @Test mutating func `what can't be used is counted under its name`() throws {
        let start = kit.start
        #expect(try heard(kit.own, at: start).isEmpty)
        for bytes in [[], [1, 2, 3], BroadcastPacket(port: 1, node: "a Syncthing").bytes] as [[UInt8]] {
            #expect(source.received(try kit.datagram(bytes), at: start).isEmpty)
        }
        #expect(source.counts.skipped == [.own: 1, .empty: 1, .wrongMagic: 1, .invalidValue: 1])
        #expect(source.counts.accepted == 0)
    }

    @Test mutating func `a flood from one sender leaves the others unharmed`() throws {
        let start = kit.start
        for number in 0..<50_000 {
            let now = start + .microseconds(Int64(number) * 20)
            _ = source.received(try kit.datagram([0, 1, 2], from: "203.0.113.9"), at: now)
        }
        #expect(source.counts.skipped[.tooMany, default: 0] > 49_000)
        #expect(
            try heard(kit.other, at: start + .seconds(1)).contains { if case .sighted = $0 { true } else { false } }
        )
    }

    private mutating func heard(
        _ id: DeviceID,
        from host: String = "192.0.2.7",
        at now: NIODeadline
    ) throws
        -> [DiscoveryAction]
    {
        let packet = BroadcastPacket(port: 9_001, node: id.description)
        return source.received(try kit.datagram(packet.bytes, from: host), at: now)
    }
}

@Suite struct AnnouncementSourceTests {
    private let kit: DiscoveryKit
    private let own: Announcement
    private var source: AnnouncementSource

    init() throws {
        kit = try DiscoveryKit()
        var own = Announcement(id: kit.own, port: 9_000)
        (own.name, own.instance) = ("own", 5)
        self.own = own
        source = AnnouncementSource(own)
    }

    @Test mutating func `each announcement is answered once, to its sender, and an answer never`() throws {
        let start = kit.start
        _ = source.started(at: start)
        var announcement = Announcement(id: kit.other, port: 9_001)
        let actions = source.received(try kit.datagram(announcement.bytes(from: "")), at: start)
        var answer = own
        answer.isAnswer = true
        let sender = try kit.endpoint("192.0.2.7:4000")
        #expect(actions.count { $0 == .answer(to: sender) } == 1)
        #expect(source.answer(from: "192.0.2.1") == answer.bytes(from: "192.0.2.1"))
        announcement.isAnswer = true
        let later = start + .seconds(10)
        #expect(!source.received(try kit.datagram(announcement.bytes(from: "")), at: later).sends)
        // The earlier program's answers come to this device alone, and don't say what they are.
        announcement.isAnswer = false
        #expect(!source.received(try kit.datagram(announcement.bytes(from: ""), toAll: false), at: later).sends)
    }

    @Test mutating func `an earlier peer, whose id no key can prove, is answered and sighted nowhere`() throws {
        _ = source.started(at: kit.start)
        var bytes = Announcement(id: kit.other, port: 9_001).bytes(from: "")
        bytes[4 + 6] = 0x40
        let actions = source.received(try kit.datagram(bytes), at: kit.start)
        let peer = try #require(EarlierPeer(announcedIn: bytes))
        #expect(UUID(uuidString: peer.id)?.uuidString.lowercased() == peer.id)
        #expect(actions == [.metEarlier(peer), .answer(to: try kit.endpoint("192.0.2.7:4000"))])
        #expect(EarlierPeer(announcedIn: Array(bytes.dropLast())) == nil)
    }

    @Test mutating func `nobody is answered more often than a few times a second`() throws {
        let start = kit.start
        let bytes = Announcement(id: kit.other, port: 9_001).bytes(from: "")
        let answers = try (0..<1_000).count { number in
            source.received(try kit.datagram(bytes), at: start + .milliseconds(Int64(number))).sends
        }
        #expect((1...6).contains(answers))
    }

    @Test mutating func `a sighting has the name and the instance that were announced`() throws {
        var announcement = Announcement(id: kit.other, port: 9_001)
        (announcement.name, announcement.instance) = ("kitchen", 8)
        let actions = source.received(try kit.datagram(announcement.bytes(from: "203.0.113.1")), at: kit.start)
        let endpoint = try kit.endpoint("192.0.2.7:9001")
        let until = kit.start + .seconds(60)
        var expected = Sighting(id: kit.other, endpoints: [endpoint], source: .multicast, until: until)
        (expected.name, expected.instance) = ("kitchen", 8)
        #expect(actions.first == .sighted(expected))
    }
}

@Suite struct ScanSourceTests {
    private let kit: DiscoveryKit
    private var master: MasterSource

    init() throws {
        kit = try DiscoveryKit()
        master = MasterSource(id: kit.other, port: 9_001, instance: 3)
    }

    @Test func `a network of 254 addresses is asked within two seconds, each once, few at a time`() throws {
        var scan = try source("192.168.1.0/24:8880")
        var (asked, now, busiest): ([Endpoint], NIODeadline, Int) = ([], kit.start, 0)
        var actions = scan.started(at: now)
        var isDone = false
        while !isDone, now < kit.start + .seconds(5) {
            let sent = actions.compactMap { if case .send(_, let target) = $0 { target } else { nil } }
            asked += sent
            busiest = max(busiest, sent.count)
            isDone = actions.contains(.progress(asked: 254, of: 254, found: 0)) && asked.count == 254
            guard let next = actions.timer else { break }
            if next - now > .seconds(1) { break }
            now = next
            actions = scan.timerFired(at: now)
        }
        #expect(asked.count == 254 && Set(asked).count == 254)
        #expect(asked.first?.host == "192.168.1.1" && asked.last?.host == "192.168.1.254")
        #expect(busiest <= 5)
        #expect(now <= kit.start + .seconds(2))
    }

    @Test mutating func `a master's answer to its own probe is a sighting, and no other is`() throws {
        var scan = try source("192.168.1.7:8880")
        let probe = try #require(scan.started(at: kit.start).sent)
        #expect(try probe.to == kit.endpoint("192.168.1.7:8880"))
        #expect(probe.bytes.count == 64)
        let question = try kit.datagram(probe.bytes, from: "192.168.1.2", port: 5_000, toAll: false)
        let answer = try #require(master.received(question, at: kit.start).sent)
        #expect(answer.to == question.source && answer.bytes.count <= probe.bytes.count)
        var forged = answer.bytes
        forged[8] ^= 1
        #expect(scan.received(try kit.datagram(forged, from: "192.168.1.7", port: 8_880), at: kit.start).isEmpty)
        #expect(scan.received(try kit.datagram(answer.bytes, from: "192.168.1.8", port: 8_880), at: kit.start).isEmpty)
        let reply = try kit.datagram(answer.bytes, from: "192.168.1.7", port: 8_880)
        let until = kit.start + .seconds(180)
        var expected = Sighting(
            id: kit.other,
            endpoints: [try kit.endpoint("192.168.1.7:9001")],
            source: .scan,
            until: until
        )
        expected.instance = 3
        #expect(scan.received(reply, at: kit.start) == [.sighted(expected)])
        #expect(scan.received(reply, at: kit.start).isEmpty)
        #expect(scan.counts.skipped == [.notAsked: 3] && scan.counts.accepted == 1)
    }

    @Test func `an answer that comes too late counts no more, and the next scan asks again, later each time`() throws {
        var scan = try source("192.168.1.7:8880")
        _ = scan.started(at: kit.start)
        let done = scan.timerFired(at: kit.start + .milliseconds(600))
        #expect(done.contains(.progress(asked: 1, of: 1, found: 0)))
        #expect(done.timer == kit.start + .milliseconds(5_600))
        #expect(scan.timerFired(at: kit.start + .milliseconds(5_600)).sent != nil)
        #expect(scan.timerFired(at: kit.start + .milliseconds(6_600)).timer == kit.start + .milliseconds(16_600))
    }

    @Test mutating func `a master answers one sender only so often, and what is no probe never`() throws {
        var generator = SeededGenerator(seed: 1)
        let probe = ScanProbe(nonce: ScanNonce(using: &generator)).bytes
        let datagram = try kit.datagram(probe)
        let answers = (0..<10_000).count { number in
            !master.received(datagram, at: kit.start + .microseconds(Int64(number) * 100)).isEmpty
        }
        #expect((50...200).contains(answers))
        #expect(master.received(try kit.datagram([], from: "192.0.2.8"), at: kit.start).isEmpty)
        #expect(master.received(try kit.datagram(Array(probe.dropLast()), from: "192.0.2.8"), at: kit.start).isEmpty)
    }

    private func source(_ range: String) throws -> ScanSource<SeededGenerator> {
        let range = try #require(ScanRange(range))
        let generator = SeededGenerator(seed: 7)
        return ScanSource(ownID: kit.own, ranges: [range], period: .seconds(60), generator: generator)
    }
}

extension [DiscoveryAction] {
    fileprivate var sent: (bytes: [UInt8], to: Endpoint)? {
        lazy.compactMap { if case .send(let bytes, let endpoint) = $0 { (bytes, endpoint) } else { nil } }.first
    }

    fileprivate var sends: Bool { sent != nil || contains { if case .answer = $0 { true } else { false } } }

    fileprivate var timer: NIODeadline? {
        lazy.compactMap { if case .setTimer(let deadline) = $0 { deadline } else { nil } }.last
    }
}
