// SPDX-License-Identifier: Apache-2.0

package import FoundationEssentials
package import Logging
package import MeshCore
import Metrics
package import NIOCore
import ServiceLifecycle

/// The registry that the requests of many connections share: gives it the time, and keeps the store in step with it.
///
/// What is answered as done is in the store. Requests that come while a write is under way share the next one.
package actor LiveRegistry: Service {
    /// Who gives no sign of life is found out this often.
    private static let tick = Duration.milliseconds(250)
    /// Heartbeats and expiries are written after so many of these.
    private static let ticksBetweenWrites = 40
    /// So many at once, lest somebody who registers has to wait for all of them.
    private static let largestBatch = 1_000

    private enum Turn {
        case write
        case done(StoreFault?)
    }

    private var registry: Registry
    private var access: AccessTable
    private var replays: ReplayGuard
    private var unsaved: UnsavedRecords
    /// The part of the list that was last asked for, until something happens to a record.
    private var listing: DeviceListing?
    private var isWriting = false
    /// Whether the last write failed.
    private var isFailing = false
    private var waiting: [CheckedContinuation<Turn, Never>] = []

    /// What watchers are told.
    package nonisolated let presence: EventFeed
    /// What devices send each other.
    package nonisolated let mailboxes: Mailboxes

    private let devices = Gauge(label: "signaling_devices")
    private let store: any RegistryStore
    private let clock: @Sendable () -> Moment
    private let logger: Logger
    /// Tells the tags of one run from those of another.
    private let run: String

    /// Takes over what `store` has kept; what happens within a `pause` is one write for each watcher.
    package init(
        _ registry: Registry,
        store: any RegistryStore,
        watchedLog bounds: EventLog.Bounds = EventLog.Bounds(events: 16_384, bytes: 8 * 1_024 * 1_024),
        pause: TimeAmount = .milliseconds(25),
        logger: Logger,
        clock: @Sendable @escaping () -> Moment
    ) async throws(StoreFault) {
        let kept = try await store.load()
        let now = clock()
        var registry = registry
        registry.restore(kept.records, at: now)
        self.registry = registry
        access = AccessTable(kept.grants)
        unsaved = UnsavedRecords(stored: kept.records.lazy.map(\.id))
        unsaved.granted(access.prune(at: now.date).map(RegistryChange.revoke))
        replays = ReplayGuard(started: now.date)
        run = String(UInt64(max(0, now.date.timeIntervalSince1970 * 1_000)), radix: 16)
        mailboxes = Mailboxes(run: run)
        presence = EventFeed(EventLog(run: run, bounds: bounds), pause: pause)
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

    /// A device comes in, with a key where it is not enrolled yet and has to be.
    package func register(
        _ registration: Registration,
        from sender: RegistrySender,
        enrollmentKey: String? = nil
    ) async throws -> (record: DeviceRecord, isNew: Bool) {
        let now = tick()
        var sender = sender
        var newcomer: Member?
        if registry.enrollment == .keys, let signer = sender.signer {
            let member = try access.admission(of: signer, with: enrollmentKey, at: now.date)
            sender.tag = member.tag
            newcomer = member
        }
        let result = try registry.register(registration, from: sender, at: now)
        // Only now: a key must not be used up by a registration that is refused.
        if let newcomer { unsaved.granted(access.enroll(newcomer, with: enrollmentKey).map(RegistryChange.grant)) }
        unsaved.changed(registration.id)
        listing = nil
        publish()
        try await save()
        return result
    }

    package func heartbeat(
        _ id: RecordID,
        from sender: RegistrySender,
        sessions: SessionReport = SessionReport(nil)
    ) throws -> DeviceRecord {
        try checkMembership(of: sender)
        let record = try registry.heartbeat(id, from: sender, sessions: sessions, at: tick())
        unsaved.aged(id)
        listing = nil
        publish()
        return record
    }

    package func remove(_ id: RecordID, from sender: RegistrySender) async throws {
        tick()
        try checkMembership(of: sender)
        try registry.remove(id, from: sender)
        unsaved.changed(id)
        listing = nil
        publish()
        try await save()
    }

    /// The operator takes a device out; where devices are enrolled, it needs a new key to come back.
    package func takeOut(_ id: RecordID) async throws {
        tick()
        let expelled = id.device.map { access.expel($0) } ?? []
        unsaved.granted(expelled.map(RegistryChange.revoke))
        do { try registry.takeOut(id) } catch {
            // One that is away can be expelled too.
            if expelled.isEmpty { throw error }
        }
        unsaved.changed(id)
        listing = nil
        publish()
        try await save()
    }

    /// The record of a device, as far as `view` reaches.
    package func record(of id: RecordID, in view: DeviceView = .all) throws(RegistryRefusal) -> DeviceRecord {
        tick()
        guard let record = registry.record(of: id), view.shows(record) else { throw .unknown(id) }
        return record
    }

    /// What somebody may see: a device that signed, or an operator with a token.
    package func view(of reader: Reader) throws(ReadFault) -> DeviceView {
        if let token = reader.token {
            guard let token = access.token(token, at: clock().date) else { throw .badToken }
            return DeviceView(tag: token.tag)
        }
        guard registry.enrollment == .keys else { return .all }
        guard let signer = reader.signer, let member = access.member(signer) else { throw .anonymous }
        return DeviceView(tag: member.tag)
    }

    /// Sends a signal from a device that is here to another that it sees.
    ///
    /// - Returns: Whether the receiver listens at this moment.
    package func signal(_ content: JSON, to id: RecordID, from sender: RegistrySender) throws -> Bool {
        let now = tick()
        guard let signer = sender.signer, registry.record(of: RecordID(signer)) != nil else {
            throw SignalFault.unsigned
        }
        _ = try record(of: id, in: view(of: Reader(signer: signer, token: nil)))
        guard let device = id.device else { throw SignalFault.unproven(id) }
        let signal = ReceivedSignal(sender: signer, sent: now.date, content: content)
        return try mailboxes.put(signal.event, for: device, at: now.instant)
    }

    /// The mailbox of a device, for itself alone.
    package func mailbox(of id: RecordID, for signer: DeviceID?) throws -> EventFeed {
        let now = tick()
        guard let signer, signer == id.device else { throw ReadFault.otherMailbox(id) }
        guard registry.record(of: id) != nil else { throw RegistryRefusal.unknown(id) }
        return mailboxes.feed(of: signer, at: now.instant)
    }

    /// Whether a registration would be kept, as far as the last write says.
    package var isReady: Bool { !isFailing }

    /// A part of the list, and the tag that all parts have until the list changes.
    package func page(
        filter: DeviceFilter,
        after: RecordID?,
        limit: Int
    ) -> (records: [DeviceRecord], isCut: Bool, tag: String) {
        tick()
        let page = registry.records(passing: filter, after: after, limit: limit)
        return (page.records, page.isCut, tag)
    }

    /// A part of the list as JSON: encoded once for all who ask for the same part while nothing happens.
    package func encodedPage(filter: DeviceFilter, after: RecordID?, limit: Int) -> DeviceListing {
        tick()
        if let listing, listing.isOf(filter, after, limit) { return listing }
        let (records, isCut) = registry.records(passing: filter, after: after, limit: limit)
        let listing = DeviceListing(
            filter: filter,
            after: after,
            limit: limit,
            body: ByteBuffer(string: JSON.array(records.map(\.json)).description + "\n"),
            last: isCut ? records.last?.id : nil,
            tag: tag
        )
        self.listing = listing
        return listing
    }

    /// The tag of the list as it is now.
    package func currentTag() -> String {
        tick()
        return tag
    }

    /// Makes a key for devices to come in by.
    package func makeKey(
        isReusable: Bool,
        tag: DeviceTag?,
        life: TimeInterval
    ) async throws -> (secret: Secret, key: EnrollmentKey) {
        let secret = Secret.new(for: .enrollment)
        let now = clock().date
        let key = EnrollmentKey(
            hash: secret.hash,
            isReusable: isReusable,
            tag: tag,
            created: now,
            expires: now + life
        )
        try access.add(key)
        try await keep(.key(key))
        return (secret, key)
    }

    /// Makes a token to read with.
    package func makeToken(tag: DeviceTag?, life: TimeInterval) async throws -> (secret: Secret, token: OperatorToken) {
        let secret = Secret.new(for: .token)
        let now = clock().date
        let token = OperatorToken(hash: secret.hash, tag: tag, created: now, expires: now + life)
        try access.add(token)
        try await keep(.token(token))
        return (secret, token)
    }

    /// Revokes the key whose hash begins so.
    package func revokeKey(_ name: String) async throws -> EnrollmentKey {
        let key = try access.revokeKey(name, at: clock().date)
        try await keep(.key(key))
        return key
    }

    package func revokeToken(_ name: String) async throws -> OperatorToken {
        let token = try access.revokeToken(name, at: clock().date)
        try await keep(.token(token))
        return token
    }

    package var keys: [EnrollmentKey] { access.allKeys }

    package var tokens: [OperatorToken] { access.allTokens }

    private func keep(_ grant: Grant) async throws(StoreFault) {
        unsaved.granted([.grant(grant)])
        try await save()
    }

    /// Where devices are enrolled, one that was taken out is out.
    private func checkMembership(of sender: RegistrySender) throws(EnrollmentFault) {
        guard registry.enrollment == .keys, let signer = sender.signer else { return }
        if access.member(signer) == nil { throw .needed }
    }

    /// Writes from time to time what nobody waits for, and once more at the end.
    package func run() async throws {
        try? await cancelWhenGracefulShutdown {
            while true {
                for _ in 0..<Self.ticksBetweenWrites {
                    try await Task.sleep(for: Self.tick)
                    await self.tick()
                }
                self.mailboxes.sweep(at: self.clock().instant)
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
        for id in registry.expire(at: now) {
            unsaved.aged(id)
            listing = nil
        }
        publish()
        return now
    }

    /// Tells the watchers what has changed.
    private func publish() {
        for change in registry.takeChanges() { presence.append(change.event, topic: change.record.tag?.description) }
        devices.record(registry.count)
    }

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
