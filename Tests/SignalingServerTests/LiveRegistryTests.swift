// SPDX-License-Identifier: Apache-2.0

import Foundation
import Logging
import MeshCore
import NIOCore
import ServiceLifecycle
import TestSupport
import Testing
import signaling_server

@Suite struct LiveRegistryTests {
    private let clock = ManualClock()
    private let anybody = RegistrySender(signer: nil, observed: nil)

    @Test func `a registration and a leave are in the store when they are answered`() async throws {
        let store = FailingStore()
        let registry = try await open(store)
        let id = try id("a")
        _ = try await registry.register(Registration(id: id), from: anybody)
        #expect(store.kept[id] != nil)
        try await registry.remove(id, from: anybody)
        #expect(store.kept[id] == nil)
    }

    @Test func `a heartbeat costs no write`() async throws {
        let store = FailingStore()
        let registry = try await open(store)
        let id = try id("a")
        _ = try await registry.register(Registration(id: id), from: anybody)
        let writes = store.writes
        for _ in 0..<100 { _ = try registry.heartbeat(id, from: anybody) }
        #expect(store.writes == writes)
    }

    @Test func `those who come together share writes`() async throws {
        let store = FailingStore()
        let registry = try await open(store)
        try await withThrowingTaskGroup { group in
            for number in 0..<500 {
                let id = try id("d\(number)")
                group.addTask {
                    _ = try await registry.register(Registration(id: id), from: anybody)
                    #expect(store.kept[id] != nil)
                }
            }
            try await group.waitForAll()
        }
        #expect(store.kept.count == 500)
        #expect(store.writes < 500)
    }

    @Test func `a write that failed is made up for by the next`() async throws {
        let store = FailingStore()
        let registry = try await open(store)
        let (first, second, third) = (try id("a"), try id("b"), try id("c"))
        _ = try await registry.register(Registration(id: first), from: anybody)
        let fault = StoreFault(.broken, "broken")
        store.fault = fault
        await #expect(throws: fault) { try await registry.register(Registration(id: second), from: anybody) }
        await #expect(throws: fault) { try await registry.remove(first, from: anybody) }
        store.fault = nil
        _ = try await registry.register(Registration(id: third), from: anybody)
        try await runToEnd(registry)
        #expect(Set(store.kept.keys) == [second, third])
    }

    @Test func `at its end it writes what nobody waited for`() async throws {
        let store = FailingStore()
        let registry = try await open(store)
        let (stays, goes) = (try id("stays"), try id("goes"))
        for id in [stays, goes] { _ = try await registry.register(Registration(id: id), from: anybody) }
        clock.advance(by: .seconds(30))
        _ = try registry.heartbeat(stays, from: anybody)
        clock.advance(by: .seconds(30))
        try await runToEnd(registry)
        #expect(Array(store.kept.keys) == [stays])
        #expect(store.kept[stays]?.lastSeen == clock.now.date - 30)
    }

    @Test(arguments: [-31_536_000.0, -3_600.0, 3_600.0, 31_536_000.0])
    func `a clock on the wall that jumps ends nobody, and keeps nobody`(jump: Double) async throws {
        let registry = try await open(FailingStore())
        let id = try id("a")
        _ = try await registry.register(Registration(id: id), from: anybody)
        clock.setWall(by: jump)
        clock.advance(by: .seconds(59))
        let record = try registry.heartbeat(id, from: anybody)
        #expect(record.lastSeen == clock.now.date)
        clock.setWall(by: -jump)
        clock.advance(by: .seconds(59))
        #expect(try registry.record(of: id).id == id)
        clock.setWall(by: jump)
        clock.advance(by: .seconds(1))
        #expect(throws: RegistryRefusal.unknown(id)) { try registry.record(of: id) }
    }

    @Test func `a list that was encoded is never older than what happened`() async throws {
        let registry = try await open(FailingStore())
        let id = try id("a")
        func list() -> String {
            String(buffer: registry.encodedPage(.whole).body)
        }
        #expect(list() == "[]\n")
        var lists: Set<String> = [list()]
        _ = try await registry.register(Registration(id: id), from: anybody)
        lists.insert(list())
        clock.advance(by: .seconds(1))
        _ = try registry.heartbeat(id, from: anybody)
        lists.insert(list())
        #expect(lists.count == 3)
        #expect(list() == String(buffer: registry.encodedPage(.whole).body))
        let other = try DeviceQuery(["name": "nobody"], form: .json)
        #expect(String(buffer: registry.encodedPage(other).body) == "[]\n")
        #expect(list() != "[]\n")
        try await registry.takeOut(id)
        #expect(list() == "[]\n")
        _ = try await registry.register(Registration(id: id), from: anybody)
        #expect(list() != "[]\n")
        clock.advance(by: .seconds(60))
        #expect(list() == "[]\n")
    }

    @Test func `after a restart the devices are there, under another tag`() async throws {
        let store = FailingStore()
        let registry = try await open(store)
        let id = try id("a")
        _ = try await registry.register(Registration(id: id), from: anybody)
        clock.advance(by: .hours(1))
        let second = try await open(store)
        clock.advance(by: .seconds(59))
        #expect(try second.record(of: id).id == id)
        clock.advance(by: .seconds(1))
        #expect(throws: RegistryRefusal.unknown(id)) { try second.record(of: id) }
        #expect(registry.currentTag() != second.currentTag())
    }

    private func open(_ store: FailingStore) async throws -> LiveRegistry {
        try await LiveRegistry(
            Registry(enrollment: .open, defaultTTL: .seconds(60)),
            store: store,
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() },
            clock: { clock.now }
        )
    }

    private func runToEnd(_ registry: LiveRegistry) async throws {
        let group = ServiceGroup(services: [registry], logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        async let running: Void = group.run()
        await group.triggerGracefulShutdown()
        try await running
    }

    private func id(_ text: String) throws -> RecordID { try #require(RecordID(text)) }
}
