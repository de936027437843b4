// SPDX-License-Identifier: Apache-2.0

import MeshCore
import Synchronization

/// Keeps the records and the grants for as long as the process lives: after a restart everybody registers again.
package final class MemoryStore: RegistryStore {
    private struct State {
        var records: [RecordID: DeviceRecord] = [:]
        var grants: [String: Grant] = [:]
    }

    private let state = Mutex(State())

    package init() {}

    package func load() -> KeptState {
        state.withLock { KeptState(records: Array($0.records.values), grants: Array($0.grants.values)) }
    }

    package func apply(_ changes: [RegistryChange]) {
        state.withLock { state in
            for change in changes {
                switch change {
                case .keep(let record): state.records[record.id] = record
                case .drop(let id): state.records[id] = nil
                case .grant(let grant): state.grants[grant.id] = grant
                case .revoke(let grant): state.grants[grant.id] = nil
                }
            }
        }
    }
}
