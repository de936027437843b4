// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
package import Logging
package import MeshCore
import Metrics
import ServiceLifecycle

/// The registry that the requests of many connections share: gives it the time, and keeps the store in step with it.
///
/// What is answered as done is in the store. Requests that come while a write is under way share the next one.
package actor LiveRegistry: Service {
    /// Heartbeats and expiries are written this often.
    private static let interval = Duration.seconds(10)
    /// So many at once, lest somebody who registers has to wait for all of them.
    private static let largestBatch = 1_000

    private enum Turn {
        case write
        case done(StoreFault?)
    }

    private var registry: Registry
    private var replays: ReplayGuard
    private var unsaved: UnsavedRecords
    private var isWriting = false
    /// Whether the last write failed.
    private var isFailing = false
    private var waiting: [CheckedContinuation<Turn, Never>] = []

    private let devices = Gauge(label: "signaling_devices")
    private let store: any RegistryStore
    private let clock: @Sendable () -> Moment
    private let logger: Logger
    /// Tells the tags of one run from those of another.
    private let run: String

    /// Takes over what `store` has kept.
    package init(
        _ registry: Registry,
        store: any RegistryStore,
        logger: Logger,
        clock: @Sendable @escaping () -> Moment
    ) async throws(StoreFault) {
        let kept = try await store.load()
        let now = clock()
        var registry = registry
        registry.restore(kept, at: now)
        self.registry = registry
        unsaved = UnsavedRecords(stored: kept.map(\.id))
        replays = ReplayGuard(started: now.date)
        run = String(UInt64(max(0, now.date.timeIntervalSince1970 * 1_000)), radix: 16)
        (self.store, self.logger, self.clock) = (store, logger, clock)
    }

    /// Who signed a request, its signature used up by this.
    ///
    /// The costly part runs where the caller does, so that many are verified side by side.
    package nonisolated func signer(
        of parts: SignedParts,
        header: @Sendable @escaping (String) -> String?
    ) async throws -> DeviceID? {
        let now = clock().date
        guard let signer = try RequestSignature.signer(of: parts, header: header, at: now) else { return nil }
        try await use(signer, at: now)
        return signer.device
    }

    package func register(
        _ registration: Registration,
        from sender: RegistrySender
    ) async throws -> (record: DeviceRecord, isNew: Bool) {
        let result = try registry.register(registration, from: sender, at: tick())
        unsaved.changed(registration.id)
        count()
        try await save()
        return result
    }

    package func heartbeat(_ id: RecordID, from sender: RegistrySender) throws(RegistryRefusal) -> DeviceRecord {
        let record = try registry.heartbeat(id, from: sender, at: tick())
        unsaved.aged(id)
        return record
    }

    package func remove(_ id: RecordID, from sender: RegistrySender) async throws {
        tick()
        try registry.remove(id, from: sender)
        unsaved.changed(id)
        count()
        try await save()
    }

    package func record(of id: RecordID) throws(RegistryRefusal) -> DeviceRecord {
        tick()
        guard let record = registry.record(of: id) else { throw .unknown(id) }
        return record
    }

    /// Whether a registration would be kept, as far as the last write says.
    package var isReady: Bool { !isFailing }

    /// A part of the list, and the tag that all parts have until the list changes.
    package func page(_ query: DeviceQuery) -> (records: [DeviceRecord], isCut: Bool, tag: String) {
        tick()
        let page = registry.records(passing: query.filter, after: query.after, limit: query.limit)
        return (page.records, page.isCut, tag)
    }

    /// The tag of the list as it is now.
    package func currentTag() -> String {
        tick()
        return tag
    }

    /// Writes from time to time what nobody waits for, and once more at the end.
    package func run() async throws {
        try? await cancelWhenGracefulShutdown {
            while true {
                try await Task.sleep(for: Self.interval)
                await self.saveAll()
            }
        }
        await saveAll()
    }

    private func use(_ signer: RequestSigner, at now: Date) throws(SignatureFault) {
        try replays.received(signer, at: now)
    }

    /// Weak, as a heartbeat changes the times in the list, but nothing else.
    private var tag: String { "W/\"\(run)-\(registry.version)\"" }

    @discardableResult
    private func tick() -> Moment {
        let now = clock()
        for id in registry.expire(at: now) { unsaved.aged(id) }
        count()
        return now
    }

    private func count() { devices.record(registry.count) }

    private func saveAll() async {
        tick()
        while !unsaved.isEmpty {
            unsaved.hurry(Self.largestBatch)
            // The next time may do.
            do { try await save() } catch { return }
        }
    }

    /// Returns when all that changed before the call is in the store.
    private func save() async throws(StoreFault) {
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
        let changes = unsaved.take { registry.record(of: $0) }
        if changes.isEmpty { return nil }
        do {
            try await store.apply(changes)
            unsaved.written(changes)
            if isFailing { logger.notice("The registry is saved again") }
            isFailing = false
            return nil
        } catch {
            unsaved.notWritten(changes)
            // Once, not for each of those who try again.
            if !isFailing { logger.error("The registry can't be saved", metadata: ["reason": "\(error)"]) }
            isFailing = true
            return error
        }
    }
}
