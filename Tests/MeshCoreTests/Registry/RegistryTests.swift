// SPDX-License-Identifier: Apache-2.0

import Crypto
import Foundation
import MeshCore
import NIOCore
import TestSupport
import Testing

@Suite struct RegistryTests {
    private let start = Moment(instant: .uptimeNanoseconds(1_000), date: Date(timeIntervalSince1970: 1_700_000_000))
    private let anybody = RegistrySender(signer: nil, observed: Endpoint("192.0.2.1:50000"))
    private var registry = Registry(enrollment: .open, defaultTTL: .seconds(60))

    @Test mutating func `a registration becomes a record, and a second one keeps its age`() throws {
        var registration = Registration(id: try id("a"))
        let first = try registry.register(registration, from: anybody, at: start)
        #expect(first.isNew)
        #expect(first.record.registration.ttl == .seconds(60))
        #expect(first.record.observed == anybody.observed)
        #expect(first.record.expiresAt == start.date + 60)
        #expect(!first.record.verified)

        registration.port = 9000
        registration.ttl = .seconds(10)
        let second = try registry.register(registration, from: anybody, at: start + .seconds(5))
        #expect(!second.isNew)
        #expect(second.record.registration.port == 9000)
        #expect(second.record.registeredAt == start.date)
        #expect(second.record.lastSeen == start.date + 5)
        #expect(second.record.expiresAt == start.date + 15)
        #expect(registry.record(of: registration.id) == second.record)
        #expect(registry.count == 1)
    }

    @Test mutating func `a record lives for its ttl from the last sign of life`() throws {
        let id = try id("a")
        _ = try registry.register(Registration(id: id), from: anybody, at: start)
        #expect(registry.expire(at: start + .seconds(59)) == [])
        let record = try registry.heartbeat(id, from: anybody, at: start + .seconds(59))
        #expect(record.expiresAt == start.date + 119)
        #expect(registry.expire(at: start + .seconds(118)) == [])
        #expect(registry.expire(at: start + .seconds(119)) == [id])
        #expect(registry.record(of: id) == nil)
        #expect(throws: RegistryRefusal.unknown(id)) {
            try registry.heartbeat(id, from: anybody, at: start + .seconds(120))
        }
    }

    @Test mutating func `a shorter ttl counts at once`() throws {
        var registration = Registration(id: try id("a"))
        registration.ttl = .hours(1)
        _ = try registry.register(registration, from: anybody, at: start)
        registration.ttl = .seconds(5)
        _ = try registry.register(registration, from: anybody, at: start)
        #expect(registry.expire(at: start + .seconds(5)) == [registration.id])
        #expect(registry.expire(at: start + .hours(2)) == [])
    }

    @Test mutating func `who leaves is gone, and can come back with a life of its own`() throws {
        let id = try id("a")
        _ = try registry.register(Registration(id: id), from: anybody, at: start)
        try registry.remove(id, from: anybody)
        #expect(registry.count == 0)
        #expect(throws: RegistryRefusal.unknown(id)) { try registry.remove(id, from: anybody) }
        let back = try registry.register(Registration(id: id), from: anybody, at: start + .seconds(30))
        #expect(back.isNew)
        #expect(back.record.registeredAt == start.date + 30)
        #expect(registry.expire(at: start + .seconds(89)) == [])
        #expect(registry.expire(at: start + .seconds(90)) == [id])
    }

    @Test mutating func `the table has a bound`() throws {
        registry = Registry(enrollment: .open, defaultTTL: .seconds(60), maximum: 2)
        for name in ["a", "b", "a"] {
            _ = try registry.register(Registration(id: id(name)), from: anybody, at: start)
        }
        #expect(throws: RegistryRefusal.full(maximum: 2)) {
            try registry.register(Registration(id: id("c")), from: anybody, at: start)
        }
        _ = registry.expire(at: start + .seconds(60))
        _ = try registry.register(Registration(id: id("c")), from: anybody, at: start + .seconds(60))
    }

    @Test mutating func `lists are in the order of the ids, in pages, and may be filtered`() throws {
        for name in ["d", "B", "a", "c"] {
            var registration = Registration(id: try id(name))
            registration.name = "the \(name)"
            if name != "a" { registration.metadata = ["role": "build"] }
            _ = try registry.register(registration, from: anybody, at: start)
        }
        let first = registry.records(limit: 2)
        #expect(first.records.map(\.id.description) == ["B", "a"])
        #expect(first.isCut)
        let second = registry.records(after: first.records.last?.id, limit: 2)
        #expect(second.records.map(\.id.description) == ["c", "d"])
        #expect(!second.isCut)
        // The record that a page ended with may be gone by the next.
        #expect(registry.records(after: try id("bb")).records.map(\.id.description) == ["c", "d"])
        var filter = DeviceFilter()
        filter.metadata = ["role": "build"]
        #expect(registry.records(passing: filter, limit: 2).records.map(\.id.description) == ["B", "c"])
        filter.name = "the c"
        #expect(registry.records(passing: filter).records.map(\.id.description) == ["c"])
    }

    @Test mutating func `the version counts what changes a list`() throws {
        let id = try id("a")
        var seen = [registry.version]
        _ = try registry.register(Registration(id: id), from: anybody, at: start)
        seen.append(registry.version)
        let elsewhere = RegistrySender(signer: nil, observed: Endpoint("192.0.2.1:50001"))
        _ = try registry.register(Registration(id: id), from: elsewhere, at: start + .seconds(1))
        _ = try registry.heartbeat(id, from: elsewhere, at: start + .seconds(2))
        #expect(registry.version == seen.last)
        let moved = RegistrySender(signer: nil, observed: Endpoint("192.0.2.2:50001"))
        _ = try registry.heartbeat(id, from: moved, at: start + .seconds(3))
        seen.append(registry.version)
        try registry.remove(id, from: moved)
        seen.append(registry.version)
        #expect(Set(seen).count == 4)
    }

    @Test mutating func `what was kept has its whole life from the restart on`() throws {
        var registration = Registration(id: try id("a"))
        registration.ttl = .seconds(10)
        let (record, _) = try registry.register(registration, from: anybody, at: start)
        var second = Registry(enrollment: .keys, defaultTTL: .seconds(60))
        let later = start + .hours(24)
        second.restore([record], at: later)
        #expect(second.record(of: record.id)?.registeredAt == start.date)
        #expect(second.expire(at: later + .seconds(9)) == [])
        #expect(second.expire(at: later + .seconds(10)) == [record.id])
    }

    @Test(arguments: [Enrollment.open, .keys])
    func `an id made of a key belongs to the key`(enrollment: Enrollment) throws {
        var registry = Registry(enrollment: enrollment, defaultTTL: .seconds(60))
        let owner = DeviceID(of: P256.Signing.PrivateKey().publicKey)
        let other = DeviceID(of: P256.Signing.PrivateKey().publicKey)
        let id = RecordID(owner)
        let senders: [(RegistrySender, RegistryRefusal)] = [
            (anybody, .unsigned(id)), (RegistrySender(signer: other, observed: nil), .otherKey(id)),
        ]
        let signed = RegistrySender(signer: owner, observed: nil)
        for isThere in [false, true] {
            if isThere {
                let (record, _) = try registry.register(Registration(id: id), from: signed, at: start)
                #expect(record.verified)
            }
            for (sender, refusal) in senders {
                #expect(throws: refusal) { try registry.register(Registration(id: id), from: sender, at: start) }
                #expect(throws: refusal) { try registry.heartbeat(id, from: sender, at: start) }
                #expect(throws: refusal) { try registry.remove(id, from: sender) }
            }
        }
        _ = try registry.heartbeat(id, from: signed, at: start)
        try registry.remove(id, from: signed)
    }

    @Test mutating func `other ids are for anybody where enrolment is open, for nobody where devices are enrolled`()
        throws
    {
        let id = try id("a")
        let signed = RegistrySender(signer: DeviceID(of: P256.Signing.PrivateKey().publicKey), observed: nil)
        #expect(throws: RegistryRefusal.otherKey(id)) {
            try registry.register(Registration(id: id), from: signed, at: start)
        }
        registry = Registry(enrollment: .keys, defaultTTL: .seconds(60))
        #expect(throws: RegistryRefusal.unproven) {
            try registry.register(Registration(id: id), from: anybody, at: start)
        }
        #expect(throws: RegistryRefusal.unproven) { try registry.heartbeat(id, from: anybody, at: start) }
        #expect(throws: RegistryRefusal.unproven) { try registry.remove(id, from: anybody) }
    }

    @Test mutating func `it agrees with a table that looks at everything each time`() throws {
        let seed = UInt64.random(in: .min ... .max)
        var generator = SeededGenerator(seed: seed)
        var ends: [RecordID: NIODeadline] = [:]
        var lives: [RecordID: Int64] = [:]
        var now = start
        for _ in 0..<20_000 {
            now = now + .milliseconds(Int64.random(in: 0...2_000, using: &generator))
            let expired = ends.filter { $0.value <= now.instant }.keys
            #expect(Set(registry.expire(at: now)) == Set(expired), "seed \(seed)")
            for id in expired { ends[id] = nil }

            let id = try id("d\(Int.random(in: 0..<40, using: &generator))")
            switch Int.random(in: 0..<4, using: &generator) {
            case 0, 1:
                var registration = Registration(id: id)
                let ttl = Int64.random(in: 5...40, using: &generator)
                registration.ttl = .seconds(ttl)
                let isNew = try registry.register(registration, from: anybody, at: now).isNew
                #expect(isNew == (ends[id] == nil), "seed \(seed)")
                (ends[id], lives[id]) = (now.instant + .seconds(ttl), ttl)
            case 2:
                let isThere = (try? registry.heartbeat(id, from: anybody, at: now)) != nil
                #expect(isThere == (ends[id] != nil), "seed \(seed)")
                if isThere { ends[id] = now.instant + .seconds(lives[id] ?? 0) }
            default:
                let wasThere = (try? registry.remove(id, from: anybody)) != nil
                #expect(wasThere == (ends.removeValue(forKey: id) != nil), "seed \(seed)")
            }
            #expect(registry.records().records.map(\.id) == ends.keys.sorted(), "seed \(seed)")
        }
    }

    private func id(_ text: String) throws -> RecordID { try #require(RecordID(text)) }
}
