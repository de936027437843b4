// SPDX-License-Identifier: Apache-2.0

import Logging
import MeshCore
import Synchronization

/// Keeps the store in step with the registry.
///
/// Requests that come while a write is under way share the next one.
actor RegistryWriter {
    private enum Turn {
        case write
        case done(StoreFault?)
    }

    private let shared: SharedRegistry
    private let store: any RegistryStore
    private let logger: Logger
    private var isWriting = false
    /// Whether the last write failed.
    private(set) var isFailing = false
    private var waiting: [CheckedContinuation<Turn, Never>] = []

    init(_ shared: SharedRegistry, to store: any RegistryStore, logger: Logger) {
        (self.shared, self.store, self.logger) = (shared, store, logger)
    }

    /// Returns when all that changed before the call is in the store.
    func save() async throws(StoreFault) {
        if isWriting {
            switch await withCheckedContinuation({ waiting.append($0) }) {
            case .write: break
            case .done(let fault):
                if let fault { throw fault }
                return
            }
        }
        isWriting = true
        let companions = waiting
        waiting = []
        let fault = await write()
        // Hand on the turn rather than write for the next ones too, whose number has no bound.
        if waiting.isEmpty { isWriting = false } else { waiting.removeFirst().resume(returning: .write) }
        for companion in companions { companion.resume(returning: .done(fault)) }
        if let fault { throw fault }
    }

    private func write() async -> StoreFault? {
        let changes = shared.state.withLock { $0.takeUnsaved() }
        if changes.isEmpty { return nil }
        do {
            try await store.apply(changes)
            shared.state.withLock { $0.written(changes) }
            if isFailing { logger.notice("The registry is saved again") }
            isFailing = false
            return nil
        } catch {
            shared.state.withLock { $0.notWritten(changes) }
            // Once, not for each of those who try again.
            if !isFailing { logger.error("The registry can't be saved", metadata: ["reason": "\(error)"]) }
            isFailing = true
            return error
        }
    }
}
