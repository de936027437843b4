// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import MeshCore
import NIOCore
import Testing

@Suite struct WatchedDevicesTests {
    @Test func `a list that is told anew replaces the old one when it is whole`() throws {
        let (a, b, c) = (try record("a"), try record("b"), try record("c"))
        var watched = WatchedDevices()
        #expect(tell([.resync, .present(a), .present(b), .synced("1-5")], to: &watched) == [.joined(a), .joined(b)])
        #expect(watched.lastEventID == "1-5")
        #expect(tell([.resync, .present(c)], to: &watched) == [])
        #expect(watched.records.keys.sorted() == [a.id, b.id])
        #expect(watched.lastEventID == nil)
        watched.interrupted()
        #expect(tell([.synced("1-9")], to: &watched) == [])
        #expect(
            tell([.resync, .present(b), .present(c), .synced("1-9")], to: &watched) == [.left(a, .left), .joined(c)]
        )
        #expect(watched.isComplete)
    }

    @Test func `what happens is taken in, and what is not understood changes nothing`() throws {
        let a = try record("a")
        let changed = try record("a", port: 2)
        var watched = WatchedDevices()
        var joined = PresenceChange.joined(a).event
        joined.id = "1-1"
        #expect(watched.received(joined) == [.joined(a)])
        #expect(watched.received(PresenceChange.changed(changed).event) == [.changed(changed)])
        for event in [
            ServerSentEvent(name: "joined", data: "{"), ServerSentEvent(name: "left", data: "{}"),
            ServerSentEvent(name: "left", data: #"{"id":"other"}"#), ServerSentEvent(name: "new", data: "{}"),
            ServerSentEvent(name: "bye", data: "{}"),
        ] {
            #expect(watched.received(event) == [])
        }
        #expect(watched.received(PresenceChange.left(a, .expired).event) == [.left(changed, .expired)])
        #expect(watched.records.isEmpty)
        #expect(watched.lastEventID == "1-1")
    }

    private enum Word {
        case resync
        case present(DeviceRecord)
        case synced(String)

        var event: ServerSentEvent {
            switch self {
            case .resync: ServerSentEvent(id: "", name: "resync", data: "{}")
            case .present(let record): ServerSentEvent(name: "present", data: record.json.description)
            case .synced(let id): ServerSentEvent(id: id, name: "synced", data: "{}")
            }
        }
    }

    private func tell(_ words: [Word], to watched: inout WatchedDevices) -> [PresenceChange] {
        words.flatMap { watched.received($0.event) }
    }

    private func record(_ id: String, port: UInt16 = 1) throws -> DeviceRecord {
        var registration = Registration(id: try #require(RecordID(id)))
        registration.port = port
        let date = Date(timeIntervalSince1970: 1_700_000_000)
        return DeviceRecord(
            registration: registration,
            observed: nil,
            registeredAt: date,
            lastSeen: date,
            expiresAt: date,
            verified: false
        )
    }
}
