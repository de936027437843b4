// SPDX-License-Identifier: Apache-2.0

import Foundation
import MeshCore
import Testing

@Suite struct DeviceRecordTests {
    @Test func `the JSON form is read back, and its times are RFC 3339`() throws {
        let record = try record(#"{"id":"a","port":9000,"addresses":["b:1"],"ttl":60,"metadata":{"k":"v"}}"#)
        #expect(DeviceRecord(record.json) == record)
        #expect(record.json.description.contains(#""registered_at":"2023-11-14T22:13:20.500Z""#))
    }

    @Test func `a time that was read is written as the same, to each millisecond`() throws {
        guard case .object(var members) = try record(#"{"id":"a"}"#).json else { return }
        for millisecond in 1_000..<2_000 {
            members["last_seen"] = .string("2023-11-14T22:13:25.\(String(millisecond).dropFirst())Z")
            let record = try #require(DeviceRecord(.object(members)))
            #expect(record.json == .object(members))
        }
    }

    @Test func `what is not whole is no record`() throws {
        guard case .object(let members) = try record(#"{"id":"a"}"#).json else { return }
        for name in ["id", "registered_at", "last_seen", "expires_at", "verified"] {
            var rest = members
            rest[name] = nil
            #expect(DeviceRecord(.object(rest)) == nil)
            rest[name] = .string("\u{1B}[2J")
            #expect(DeviceRecord(.object(rest)) == nil)
        }
    }

    @Test(arguments: [
        (#"{"id":"a"}"#, ["192.0.2.1:50000"]),
        (#"{"id":"a","port":9000}"#, ["192.0.2.1:9000"]),
        (#"{"id":"a","ip":"198.51.100.1"}"#, ["192.0.2.1:50000"]),
        (#"{"id":"a","ip":"198.51.100.1","port":9000}"#, ["198.51.100.1:9000"]),
        (#"{"id":"a","addresses":["b:1","c:2"]}"#, ["b:1", "c:2"]),
        (#"{"id":"a","port":1,"ip":"::1","addresses":["b:1","[::1]:1"]}"#, ["[::1]:1", "b:1"]),
    ])
    func `what a device says of itself is dialled before where it was seen`(text: String, contacts: [String]) throws {
        #expect(try record(text).contacts.map(\.description) == contacts)
    }

    private func record(_ text: String) throws -> DeviceRecord {
        let date = Date(timeIntervalSince1970: 1_700_000_000.5)
        return DeviceRecord(
            registration: try Registration(parsing: text.utf8),
            observed: Endpoint("192.0.2.1:50000"),
            registeredAt: date,
            lastSeen: date,
            expiresAt: date + 60,
            verified: false
        )
    }
}
