// SPDX-License-Identifier: Apache-2.0

import MeshCore
import NIOCore
import SwiftProtobuf
import Synchronization
import TestSupport
import Testing

@testable import tcp_server

/// A store that does not keep up with those who publish.
@Suite struct StoreBacklogTests {
    @Test func `while much waits for the store nothing more is read, others log in, and in the end all is accepted`()
        async throws
    {
        let store = StoppedStore()
        var place = Relay.Place.ofTests()
        place.publishRate = nil
        place.rooms.waiting = 64 * 1_024
        try await RunningRelay.run(place, store: store) { relay in
            let alice = try await relay.binary(as: "alice")
            let text = String(repeating: "x", count: 1_000)
            let requests = (1...1_000).map { number in
                RelayRequest.publish(.with { ($0.clientMessageID, $0.text) = ("\(number)", text) })
            }
            alice.sendInBackground(ByteBuffer(requests))
            // The first turn's messages are with the store; what comes meanwhile waits, up to the bound.
            try #require(await eventually { store.waiting > 0 })
            let bob = try await relay.binary(as: "bob")
            try await bob.publish(1)
            let carol = try await relay.lines(as: "carol")
            store.goOn()
            try await alice.hears("1000 acceptances") { $0.answers == 1_000 }
            #expect(
                alice.events.compactMap(\.accepted).map(\.sequence).sorted()
                    == alice.events.compactMap(\.accepted).map(\.sequence)
            )
            try await bob.hears("an answer") { $0.answers == 1 }
            try await carol.hears("[bob]: ")
            #expect(alice.events.compactMap(\.error).isEmpty)
            #expect(store.largest <= 80 * 1_024)
        }
    }
}

/// A store in memory that answers nothing until it is told to go on.
private final class StoppedStore: MessageStore {
    private struct State {
        var isStopped = true
        var largest = 0
        var held: [@Sendable () -> Void] = []
    }

    private let store = MemoryStore()
    private let state = Mutex(State())

    var level: WireAccepted.Level { store.level }
    var isReadable: Bool { store.isReadable }
    var waiting: Int { state.withLock { $0.held.count } }
    /// The most that it was given at a time, in bytes.
    var largest: Int { state.withLock(\.largest) }

    func goOn() {
        let held = state.withLock { state in
            state.isStopped = false
            return state.held
        }
        for work in held { work() }
    }

    func load(publishedWithin window: PublishedMessages.Window) -> StoredState {
        store.load(publishedWithin: window)
    }

    func append(_ drafts: [RoomDrafts], _ answer: @escaping @Sendable (Result<[StoredBatch], StoreFault>) -> Void) {
        let size = drafts.flatMap(\.drafts).reduce(0) { $0 + $1.body.bytes }
        let isHeld = state.withLock { state in
            state.largest = max(state.largest, size)
            if state.isStopped { state.held.append { [store] in store.append(drafts, answer) } }
            return state.isStopped
        }
        if !isHeld { store.append(drafts, answer) }
    }

    func read(
        _ room: RoomName,
        from: UInt64,
        bytes: Int,
        _ answer: @escaping @Sendable (Result<[MessageBatch], StoreFault>) -> Void
    ) {
        store.read(room, from: from, bytes: bytes, answer)
    }

    func retain(now: MessageTime, _ answer: @escaping @Sendable (Result<[RoomName: UInt64], StoreFault>) -> Void) {
        store.retain(now: now, answer)
    }

    func close() {
        store.close()
    }
}
