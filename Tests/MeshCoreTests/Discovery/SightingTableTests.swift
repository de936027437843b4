// SPDX-License-Identifier: Apache-2.0

import MeshCore
import NIOCore
import TestSupport
import Testing

@Suite struct SightingTableTests {
    private let kit: DiscoveryKit
    private let start: NIODeadline
    private var table = SightingTable(limit: 4)

    init() throws {
        kit = try DiscoveryKit()
        start = kit.start
    }

    @Test mutating func `what several sources say of a device is merged, what is proven first`() throws {
        #expect(table.seen(try claim("192.0.2.1:1", .broadcast), at: start) == .found)
        #expect(table.seen(try claim("192.0.2.2:1", .multicast), at: start) == .moved)
        #expect(table.seen(try claim("192.0.2.1:1", .scan), at: start) == .renewed)
        #expect(table.seen(try proof("192.0.2.3:1"), at: start) == .moved)
        #expect(try endpoints == ["192.0.2.3:1", "192.0.2.2:1", "192.0.2.1:1"].map(kit.endpoint))
    }

    @Test mutating func `a device that moved is told from one that was started anew`() throws {
        #expect(table.seen(try claim("192.0.2.1:1", instance: 1), at: start) == .found)
        #expect(table.seen(try claim("192.0.2.1:1", instance: 1), at: start) == .renewed)
        #expect(table.seen(try claim("192.0.2.2:1", instance: 1), at: start) == .moved)
        #expect(table.seen(try claim("192.0.2.2:1", instance: 2), at: start) == .restarted)
        #expect(table.seen(try claim("192.0.2.2:1", instance: 2), at: start) == .renewed)
    }

    @Test mutating func `whatever is claimed, a proven address stays, and stays first`() throws {
        _ = table.seen(try proof("192.0.2.1:1"), at: start)
        for number in 2..<250 {
            let source = [SightingSource.multicast, .broadcast, .scan][number % 3]
            _ = table.seen(try claim("198.51.100.\(number):1", source, instance: UInt64(number)), at: start)
        }
        #expect(try endpoints.first == kit.endpoint("192.0.2.1:1"))
        #expect(endpoints.count <= 16)
    }

    @Test mutating func `what a source has proven its own later claim does not displace`() throws {
        var record = try claim("192.0.2.1:1", .signaling)
        record.isProven = true
        table.listed([record], by: .signaling, at: start)
        _ = table.seen(try claim("198.51.100.1:1", .signaling), at: start)
        #expect(try endpoints == ["192.0.2.1:1", "198.51.100.1:1"].map(kit.endpoint))
        #expect(table.places(of: kit.other).map(\.isProven) == [true, false])
        _ = table.expire(at: record.until)
        #expect(table.whereabouts(of: kit.other) == nil)
    }

    @Test mutating func `a full table refuses claims, and makes room for a proof by forgetting a claim`() throws {
        for number in 0..<4 {
            let sighting = try sighting(.broadcast, of: DiscoveryKit.device(number), for: .seconds(90 - Int64(number)))
            #expect(table.seen(sighting, at: start) == .found)
        }
        #expect(table.seen(try sighting(.multicast, of: kit.other), at: start) == .refused)
        #expect(table.seen(try proof("192.0.2.1:1"), at: start) == .found)
        #expect(table.whereabouts.count == 4)
        #expect(table.whereabouts(of: try DiscoveryKit.device(3)) == nil)
    }

    @Test mutating func `no proof makes room by forgetting another proof`() throws {
        for number in 0..<4 {
            var sighting = try sighting(.session, of: DiscoveryKit.device(number))
            sighting.isProven = true
            _ = table.seen(sighting, at: start)
        }
        #expect(table.seen(try proof("192.0.2.1:1"), at: start) == .refused)
    }

    @Test mutating func `what is not said again is forgotten in time, and no later`() throws {
        _ = table.seen(try claim("192.0.2.1:1", .broadcast), at: start)
        var longer = try sighting(.multicast, of: kit.other, for: .seconds(120))
        longer.name = "kitchen"
        _ = table.seen(longer, at: start)
        #expect(table.nextExpiry == start + .seconds(90))
        let early = table.expire(at: start + .seconds(89))
        let first = table.expire(at: start + .seconds(90))
        #expect(!early && first)
        #expect(table.whereabouts.map(\.name) == ["kitchen"])
        let second = table.expire(at: start + .seconds(120))
        #expect(second)
        #expect(table.whereabouts.isEmpty && table.nextExpiry == nil)
    }

    @Test mutating func `what is said again lives on, and when to look is known anew`() throws {
        _ = table.seen(try sighting(.broadcast, of: kit.other), at: start)
        let again = try sighting(.broadcast, of: kit.other, for: .seconds(120))
        let change = table.seen(again, at: start)
        #expect(change == .renewed)
        let old = try #require(table.nextExpiry)
        #expect(old <= start + .seconds(120))
        let forgotten = table.expire(at: old)
        #expect(!forgotten)
        #expect(table.nextExpiry == start + .seconds(120))
    }

    @Test mutating func `a registry's new list replaces its old one and nothing else`() throws {
        table.listed(
            [try listed("192.0.2.1:1", kit.other), try listed("192.0.2.2:1", kit.third)],
            by: .signaling,
            at: start
        )
        _ = table.seen(try claim("192.0.2.9:1", .broadcast), at: start)
        table.listed([try listed("192.0.2.5:1", kit.other)], by: .signaling, at: start)
        #expect(table.whereabouts.map(\.id) == [kit.other])
        #expect(try endpoints == ["192.0.2.5:1", "192.0.2.9:1"].map(kit.endpoint))
        table.listed([], by: .signaling, at: start)
        #expect(try endpoints == [kit.endpoint("192.0.2.9:1")])
    }

    @Test
    mutating func `a record that its device did not sign is shown, and dialed only if another source has the device`()
        throws
    {
        var unsigned = try listed("192.0.2.1:1", kit.other)
        (unsigned.isProven, unsigned.mayBeDialed) = (false, false)
        table.listed([unsigned], by: .signaling, at: start)
        #expect(table.whereabouts.map(\.isVerified) == [false])
        #expect(try endpoints == [kit.endpoint("192.0.2.1:1")])
        _ = table.seen(try claim("192.0.2.2:1", .broadcast), at: start)
        #expect(table.whereabouts.map(\.isVerified) == [true])
        #expect(try endpoints == [kit.endpoint("192.0.2.2:1")])
    }

    private var endpoints: [Endpoint] { table.places(of: kit.other).map(\.endpoint) }

    private func sighting(
        _ source: SightingSource,
        of id: DeviceID,
        for time: TimeAmount = .seconds(90)
    ) throws -> Sighting {
        Sighting(id: id, endpoints: [try kit.endpoint("192.0.2.77:1")], source: source, until: start + time)
    }

    private func claim(
        _ text: String,
        _ source: SightingSource = .multicast,
        instance: UInt64? = nil
    ) throws -> Sighting {
        let endpoint = try kit.endpoint(text)
        var sighting = Sighting(id: kit.other, endpoints: [endpoint], source: source, until: start + .seconds(90))
        sighting.instance = instance
        return sighting
    }

    private func proof(_ text: String) throws -> Sighting {
        var sighting = try claim(text, .session)
        sighting.isProven = true
        return sighting
    }

    private func listed(_ text: String, _ id: DeviceID) throws -> Sighting {
        let endpoint = try kit.endpoint(text)
        var sighting = Sighting(id: id, endpoints: [endpoint], source: .signaling, until: .distantFuture)
        sighting.isProven = true
        return sighting
    }
}
