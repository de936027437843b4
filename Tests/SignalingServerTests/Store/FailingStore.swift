// SPDX-License-Identifier: Apache-2.0

import MeshCore
import Synchronization
import signaling_server

/// A store in memory that counts its writes, and fails when it is told to.
final class FailingStore: RegistryStore {
    private struct State {
        var fault: StoreFault?
        var writes = 0
    }

    private let store = MemoryStore()
    private let state = Mutex(State())

    var fault: StoreFault? {
        get { state.withLock { $0.fault } }
        set { state.withLock { $0.fault = newValue } }
    }

    var kept: [RecordID: DeviceRecord] { Dictionary(store.load().records.map { ($0.id, $0) }) { $1 } }
    var keptGrants: [Grant] { store.load().grants }
    var writes: Int { state.withLock { $0.writes } }

    func load() throws(StoreFault) -> KeptState {
        if let fault { throw fault }
        return store.load()
    }

    func apply(_ changes: [RegistryChange]) async throws(StoreFault) {
        // Others get their turn while this one is under way, as with a disk.
        await Task.yield()
        if let fault { throw fault }
        store.apply(changes)
        state.withLock { $0.writes += 1 }
    }
}
