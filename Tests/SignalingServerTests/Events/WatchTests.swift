// SPDX-License-Identifier: Apache-2.0

import HTTPTypes
import HummingbirdTesting
import MeshCore
import NIOCore
import Synchronization
import TestSupport
import Testing
import signaling_server

@Suite struct WatchTests {
    @Test func `a watcher is told who is there, and then what happens`() async throws {
        try await RunningServer.run { server in
            _ = try await server.send(.post, "/register", body: #"{"id":"a"}"#)
            var watched = WatchedDevices()
            var changes: [String] = []
            try await StreamReader.read(port: server.port, target: "/devices/watch") { _, events in
                for event in events {
                    changes += watched.received(event).map(\.words)
                    if event.name == "synced" {
                        _ = try await server.send(.post, "/register", body: #"{"id":"b","name":"B"}"#)
                        _ = try await server.send(.post, "/devices/b/heartbeat")
                        _ = try await server.send(.post, "/register", body: #"{"id":"b","name":"C"}"#)
                        _ = try await server.send(.delete, "/devices/a")
                        server.clock.advance(by: .seconds(60))
                        _ = try await server.send(.get, "/devices")
                    }
                }
                return changes.count >= 5
            }
            #expect(changes == ["joined a", "joined b", "changed b", "left a", "expired b"])
            #expect(watched.records.isEmpty)
        }
    }

    @Test func `who comes back with its last event's id gets what it missed and nothing else`() async throws {
        try await RunningServer.run { server in
            let id = Mutex("")
            try await StreamReader.read(port: server.port, target: "/devices/watch") { _, events in
                for event in events where event.name == "synced" { id.withLock { $0 = event.id ?? "" } }
                return id.withLock { !$0.isEmpty }
            }
            for name in ["a", "b"] { _ = try await server.send(.post, "/register", body: #"{"id":"\#(name)"}"#) }
            let last = id.withLock { $0 }
            var names: [String] = []
            let headers = [("Last-Event-ID", last)]
            try await StreamReader.read(port: server.port, target: "/devices/watch", headers: headers) { _, events in
                names += events.map { "\($0.name) \($0.id ?? "")" }
                return names.count >= 2
            }
            let run = last.prefix { $0 != "-" }
            #expect(names == ["joined \(run)-1", "joined \(run)-2"])
            for unknown in ["other-1", "\(run)-77", "x", ""] {
                var first: ServerSentEvent?
                let headers = [("Last-Event-ID", unknown)]
                try await StreamReader.read(port: server.port, target: "/devices/watch", headers: headers) {
                    _,
                    events in
                    first = first ?? events.first
                    return first != nil
                }
                #expect(first?.name == "resync", "\(unknown)")
                #expect(first?.id == "", "\(unknown)")
            }
        }
    }

    @Test func `a stream says from time to time that it is there`() async throws {
        var configuration = Configuration()
        configuration.streams.keepAlive = .milliseconds(5)
        try await RunningServer.run(configuration) { server in
            try await StreamReader.read(port: server.port, target: "/devices/watch") { reader, _ in
                reader.raw.contains("text/event-stream") && reader.raw.ranges(of: ":\n\n").count >= 3
            }
        }
    }

    @Test func `who takes nothing is cut off, told why, and stops nobody`() async throws {
        var configuration = Configuration()
        configuration.streams.patience = .milliseconds(50)
        try await RunningServer.run(configuration) { server in
            let filler = String(repeating: "x", count: 250)
            let pairs = (0..<16).map { "\"k\($0)\":\"\(filler)\"" }.joined(separator: ",")
            let isCut = Mutex(false)
            try await StreamReader.read(port: server.port, target: "/devices/watch", buffer: 4_096) { reader, events in
                if events.contains(where: { $0.name == "synced" }) {
                    // What sockets hold by themselves is some megabytes; nothing is read while this goes on.
                    for number in 0..<8_000 where server.registry.presence.isHeard {
                        let body = #"{"id":"a","port":\#(number + 1),"metadata":{\#(pairs)}}"#
                        _ = try await server.registry.register(Registration(parsing: body.utf8), from: .nobody)
                    }
                    #expect(!server.registry.presence.isHeard)
                }
                for event in events where event.name == "bye" {
                    isCut.withLock { $0 = true }
                    #expect(event.data == #"{"reason":"slow"}"# || event.data == #"{"reason":"behind"}"#)
                }
                return false
            }
            #expect(isCut.withLock { $0 })
            #expect(try await server.send(.get, "/healthz").status == .ok)
        }
    }

    @Test func `a watcher that is cut off at random a thousand times ends with the registry's state`() async throws {
        let seed = UInt64.random(in: 0...UInt64.max)
        let bounds = EventLog.Bounds(events: 60, bytes: 1_000_000)
        try await RunningServer.run(watchedLog: bounds, pause: .milliseconds(1)) { server in
            var generator = SeededGenerator(seed: seed)
            var watched = WatchedDevices()
            var resyncs = 0
            for _ in 0..<1_000 {
                try await change(server, times: Int.random(in: 0...8, using: &generator), using: &generator)
                watched.interrupted()
                let headers = watched.lastEventID.map { [("Last-Event-ID", $0)] } ?? []
                var budget = Int.random(in: 0...12, using: &generator)
                try await StreamReader.read(port: server.port, target: "/devices/watch", headers: headers) {
                    _,
                    events in
                    for event in events {
                        if budget == 0 { return true }
                        budget -= 1
                        if event.name == "resync" { resyncs += 1 }
                        _ = watched.received(event)
                    }
                    // Else there might be nothing more to come.
                    let told = server.registry.presence.withLog { $0.head }
                    while budget > 0, server.registry.presence.withLog({ $0.head }) == told {
                        try await change(server, times: 1, using: &generator)
                    }
                    return budget == 0
                }
            }
            watched.interrupted()
            let headers = watched.lastEventID.map { [("Last-Event-ID", $0)] } ?? []
            _ = try await server.registry.register(Registration(id: #require(RecordID("last"))), from: .nobody)
            let there = server.registry.page(filter: DeviceFilter(), after: nil, limit: .max).records
            try await StreamReader.read(port: server.port, target: "/devices/watch", headers: headers) { _, events in
                for event in events { _ = watched.received(event) }
                return watched.records.values.sorted { $0.id < $1.id }.map(\.registration) == there.map(\.registration)
            }
            #expect(watched.records.count == there.count, "seed \(seed)")
            #expect(resyncs > 0 && resyncs < 1_000, "seed \(seed)")
        }
    }

    /// Lets devices come, change and go.
    private func change(
        _ server: RunningServer,
        times: Int,
        using generator: inout SeededGenerator
    ) async throws {
        for _ in 0..<times {
            let id = try #require(RecordID("d\(Int.random(in: 0..<20, using: &generator))"))
            if Bool.random(using: &generator) {
                var registration = Registration(id: id)
                registration.port = UInt16.random(in: 1...3, using: &generator)
                _ = try await server.registry.register(registration, from: .nobody)
            } else {
                try? await server.registry.takeOut(id)
            }
        }
    }
}

extension PresenceChange {
    fileprivate var words: String {
        switch self {
        case .joined(let record): "joined \(record.id)"
        case .changed(let record): "changed \(record.id)"
        case .left(let record, let reason): "\(reason.rawValue) \(record.id)"
        }
    }
}

extension RegistrySender {
    static let nobody = RegistrySender(signer: nil, observed: nil)
}
