// SPDX-License-Identifier: Apache-2.0

import MeshCore
import Synchronization
import signaling_server

/// A store in memory that fails when it is told to.
final class FailingStore: RegistryStore {
    private let state = Mutex<(fault: StoreFault?, kept: [RecordID: DeviceRecord], writes: Int)>((nil, [:], 0))

    var fault: StoreFault? {
        get { state.withLock { $0.fault } }
        set { state.withLock { $0.fault = newValue } }
    }

    var kept: [RecordID: DeviceRecord] { state.withLock { $0.kept } }
    var writes: Int { state.withLock { $0.writes } }

    func load() throws(StoreFault) -> [DeviceRecord] {
        if let fault { throw fault }
        return Array(kept.values)
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
                }
            }
        }
    }
}
