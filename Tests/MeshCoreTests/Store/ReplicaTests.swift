// SPDX-License-Identifier: Apache-2.0

import Foundation
import MeshCore
import NIOCore
import SwiftProtobuf
import TestSupport
import Testing

@Suite struct ReplicaTests {
    private typealias Mesh = ReplicaMesh

    @Test func `a write is everywhere at once, and the latest of two wins at all`() throws {
        var mesh = try Mesh(replicas: 3, seed: 1)
        mesh.connectAll()
        try mesh.write("one", to: "key", at: 0)
        mesh.deliverAll()
        #expect(try mesh.values(of: "key") == ["one", "one", "one"])
        try mesh.write("two", to: "key", at: 1)
        try mesh.write("three", to: "key", at: 2)
        mesh.deliverAll()
        #expect(try Set(mesh.values(of: "key")).count == 1)
    }

    @Test func `a newcomer gets what is there, and a replica that was away what it lacks and no more`() throws {
        var mesh = try Mesh(replicas: 2, seed: 2)
        for number in 0..<2_000 { try mesh.write("value \(number)", to: "key \(number)", at: 0) }
        mesh.connectAll()
        mesh.settle()
        #expect(mesh.isConverged)
        mesh.disconnectAll()
        for number in 0..<50 { try mesh.write("news \(number)", to: "key \(number)", at: 0) }
        mesh.delivered = 0
        mesh.connectAll()
        mesh.settle()
        #expect(mesh.isConverged)
        #expect(mesh.delivered == 50)
    }

    @Test func `a deletion reaches who was away, and tombstones go when all have them`() throws {
        var mesh = try Mesh(replicas: 3, seed: 3)
        mesh.connectAll()
        try mesh.write("one", to: "key", at: 0)
        mesh.settle()
        mesh.disconnect(2)
        try mesh.write(nil, to: "key", at: 1)
        mesh.settle()
        // One replica has not heard of it.
        #expect(mesh.tombstones == [1, 1, 0])
        mesh.connectAll()
        mesh.settle()
        #expect(try mesh.values(of: "key") == [nil, nil, nil])
        #expect(mesh.tombstones == [0, 0, 0])
    }

    @Test func `a replica that talks to one other gets the writes of all`() throws {
        var mesh = try Mesh(replicas: 3, seed: 4)
        mesh.connect(0, 1)
        mesh.connect(1, 2)
        mesh.settle()
        try mesh.write("far", to: "key", at: 0)
        mesh.settle()
        #expect(try mesh.values(of: "key") == ["far", "far", "far"])
    }

    @Test func `a peer that answers too late is asked again`() throws {
        var mesh = try Mesh(replicas: 2, seed: 8)
        try mesh.write("one", to: "key", at: 0)
        mesh.connectAll()
        for _ in 0..<2 { mesh.deliverOne() }
        let isDue = mesh.passTime()
        #expect(isDue)
        mesh.settle()
        #expect(try mesh.values(of: "key") == ["one", "one"])
    }

    @Test func `a writer that has lost its last writes does not use their numbers again`() throws {
        var mesh = try Mesh(replicas: 2, seed: 5)
        mesh.connectAll()
        try mesh.write("one", to: "a", at: 0)
        let backup = mesh.storage(of: 0)
        try mesh.write("two", to: "b", at: 0)
        mesh.settle()
        try mesh.restart(0, with: backup)
        mesh.connectAll()
        mesh.settle()
        try mesh.write("three", to: "c", at: 0)
        mesh.settle()
        #expect(mesh.isConverged)
        #expect(try mesh.values(of: "c") == ["three", "three"])
    }

    @Test func `a peer that names as many others as there may be stops nobody who comes after them`() throws {
        var mesh = try Mesh(replicas: 3, seed: 9)
        mesh.connect(0, 1)
        mesh.settle()
        let names = (0..<StoreLimits.writers).map { number in
            let first = [UInt8(number >> 8), UInt8(number & 0xFF), 0, 0, 0, 0]
            return Data(first + [0x80, 0, 0x80] + [UInt8](repeating: 7, count: 7))
        }
        try mesh.digest(.with { $0.replicas = names }, to: 0, from: 1)
        mesh.connect(0, 2)
        mesh.settle()
        try mesh.write("far", to: "key", at: 2)
        mesh.settle()
        #expect(try mesh.values(of: "key") == ["far", "far", "far"])
        // And it can go and come again.
        mesh.disconnectAll()
        mesh.connectAll()
        mesh.settle()
        #expect(mesh.isConverged)
    }

    @Test func `a peer that claims all numbers of a writer takes none from it`() throws {
        var mesh = try Mesh(replicas: 2, seed: 10)
        mesh.connectAll()
        try mesh.write("one", to: "a", at: 0)
        mesh.settle()
        let all = WireStoreVersion.with { ($0.writer, $0.sequence) = (Data(mesh.ids[0].bytes), UInt64(Int64.max)) }
        try mesh.digest(.with { $0.versions = [all] }, to: 0, from: 1)
        mesh.settle()
        try mesh.write("two", to: "a", at: 0)
        mesh.settle()
        #expect(try mesh.values(of: "a") == ["two", "two"])
    }

    @Test func `a clock that is more than a day ahead is not followed`() throws {
        var clock = HybridClock()
        let now: UInt64 = 1_700_000_000_000
        let observed = clock.observe(HybridTime(milliseconds: now + 86_400_000), milliseconds: now)
        #expect(observed)
        let refused = clock.observe(HybridTime(milliseconds: now + 86_400_001), milliseconds: now)
        #expect(!refused)
        let next = clock.next(milliseconds: now)
        #expect(next > HybridTime(milliseconds: now + 86_400_000))
    }

    @Test(arguments: ["", "a\u{0}", "a\nb", "tab\t", String(repeating: "k", count: 513)])
    func `a key that can't be one is refused`(text: String) {
        #expect(throws: StoreViolation.self) { try StoreKey(text) }
    }

    @Test func `keys that only look alike are different keys`() throws {
        #expect(try StoreKey("\u{E9}") != StoreKey("e\u{301}"))
    }

    @Test func `a value that is too long is refused, and one that is not is replicated`() throws {
        var mesh = try Mesh(replicas: 2, seed: 6)
        let long = String(repeating: "v", count: StoreLimits.value)
        try mesh.write(long, to: "long", at: 0)
        try mesh.write(long, to: "other", at: 0)
        mesh.connectAll()
        mesh.settle()
        #expect(try mesh.values(of: "other") == [long, long])
        #expect(mesh.longestMessage < PeerLimits.frame)
        #expect(throws: StoreViolation.valueTooLong) { try mesh.write(long + "v", to: "long", at: 0) }
    }

    @Test func `entries that break a rule are refused`() throws {
        var mesh = try Mesh(replicas: 2, seed: 7)
        mesh.connectAll()
        mesh.settle()
        let id = Data(mesh.ids[1].bytes)
        let good = WireStoreEntry.with { ($0.key, $0.value, $0.time, $0.sequence) = ("k", Data(), 1, 1) }
        let bad: [(Data, (inout WireStoreEntry) -> Void)] = [
            (id.dropLast(), { _ in }), (id, { $0.sequence = 0 }), (id, { $0.sequence = .max }),
            (id, { $0.time = .max }), (id, { $0.key = "" }), (id, { $0.value = Data(count: StoreLimits.value + 1) }),
            (id, { $0.time = UInt64(Int64.max) }),
        ]
        for (writer, spoil) in bad {
            var entry = good
            spoil(&entry)
            let push = WireStorePush.with { $0.writers = [.with { ($0.writer, $0.entries) = (writer, [entry]) }] }
            #expect(throws: StoreViolation.self) { try mesh.push(push, to: 0, from: 1) }
        }
        #expect(try mesh.values(of: "k") == [nil, nil])
    }
}
