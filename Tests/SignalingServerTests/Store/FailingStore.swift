// SPDX-License-Identifier: Apache-2.0

import MeshCore
import Synchronization
import signaling_server

/// A store in memory that fails when it is told to.
final class FailingStore: RegistryStore {
    private struct State {
        var fault: StoreFault?
        var kept: [RecordID: DeviceRecord] = [:]
        var grants: [String: Grant] = [:]
        var writes = 0
    }

    private let state = Mutex(State())

    var fault: StoreFault? {
        get { state.withLock { $0.fault } }
        set { state.withLock { $0.fault = newValue } }
    }

    var kept: [RecordID: DeviceRecord] { state.withLock { $0.kept } }
    var keptGrants: [Grant] { state.withLock { Array($0.grants.values) } }
    var writes: Int { state.withLock { $0.writes } }

    func load() throws(StoreFault) -> KeptState {
        if let fault { throw fault }
        return KeptState(records: Array(kept.values), grants: keptGrants)
    }

    func apply(_ changes: [RegistryChange]) async throws(StoreFault) {
        // Others get their turn while this one is under way, as with a disk.
        await Task.yield()
        if let fault { throw fault }
        state.withLock { state in
            state.writes += 1
            for change in changes {
                switch change {
                case .keep(let record): state.kept[record.id] = record
                case .drop(let id): state.kept[id] = nil
                case .grant(let grant): state.grants[grant.id] = grant
                case .revoke(let grant): state.grants[grant.id] = nil
                }
            }
        }
    }
}
