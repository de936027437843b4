// SPDX-License-Identifier: Apache-2.0

package import FoundationEssentials
package import Logging
package import MeshCore
import Metrics
package import NIOCore
import ServiceLifecycle
import Synchronization

/// The registry that the requests of many connections share: gives it the time, tells the watchers, and sees to it that
/// what is answered as done is in the store.
package final class LiveRegistry: Service {
    /// Who gives no sign of life is found out this often.
    private static let tick = Duration.milliseconds(250)
    /// Heartbeats and expiries are written after so many of these.
    private static let ticksBetweenWrites = 40
    /// So many at once, lest somebody who registers has to wait for all of them.
    private static let largestBatch = 1_000

    /// What watchers are told.
    package let presence: EventFeed
    /// What devices send each other.
    package let mailboxes: Mailboxes

    private let shared: SharedRegistry
    private let writer: RegistryWriter
    /// The part of the list that was last asked for.
    private let listing = Mutex<DeviceListing?>(nil)
    private let devices = Gauge(label: "signaling_devices")
    private let clock: @Sendable () -> Moment

    /// Takes over what `store` has kept; what happens within a `pause` is one write for each watcher.
    package init(
        _ registry: Registry,
        store: any RegistryStore,
        watchedLog bounds: EventLog.Bounds = EventLog.Bounds(events: 16_384, bytes: 8 * 1_024 * 1_024),
        pause: TimeAmount = .milliseconds(25),
        logger: Logger,
        clock: @Sendable @escaping () -> Moment
    ) async throws(StoreFault) {
        let state = RegistryState(registry, kept: try await store.load(), at: clock())
        shared = SharedRegistry(state)
        writer = RegistryWriter(shared, to: store, logger: logger)
        mailboxes = Mailboxes(run: state.run)
        presence = EventFeed(EventLog(run: state.run, bounds: bounds), pause: pause)
        self.clock = clock
    }

    /// Who signed a request, its signature used up by this.
    package func signer(
        of parts: SignedParts,
        header: @Sendable @escaping (String) -> String?
    ) throws -> DeviceID? {
        guard let signer = try RequestSignature.signer(of: parts, header: header, at: clock().date) else { return nil }
        try now { state, now in try state.use(signer, at: now) }
        return signer.device
    }

    /// A device comes in, with a key where it is not enrolled yet and has to be.
    package func register(
        _ registration: Registration,
        from sender: RegistrySender,
        enrollmentKey: String? = nil
    ) async throws -> (record: DeviceRecord, isNew: Bool) {
        let result = try now { state, now in
            try state.register(registration, from: sender, enrollmentKey: enrollmentKey, at: now)
        }
        try await writer.save()
        return result
    }

    package func heartbeat(
        _ id: RecordID,
        from sender: RegistrySender,
        sessions: SessionReport = SessionReport(nil)
    ) throws -> DeviceRecord {
        try now { state, now in try state.heartbeat(id, from: sender, sessions: sessions, at: now) }
    }

    package func remove(_ id: RecordID, from sender: RegistrySender) async throws {
        try now { state, _ in try state.remove(id, from: sender) }
        try await writer.save()
    }

    /// The operator takes a device out; where devices are enrolled, it needs a new key to come back.
    package func takeOut(_ id: RecordID) async throws {
        try now { state, _ in try state.takeOut(id) }
        presence.rightsChanged()
        if let device = id.device { mailboxes.rightsChanged(of: device) }
        try await writer.save()
    }

    /// The record of a device, as far as `view` reaches.
    package func record(of id: RecordID, in view: DeviceView = .all) throws -> DeviceRecord {
        try now { state, _ in try state.record(of: id, in: view) }
    }

    /// What somebody may see: a device that signed, or an operator with a token.
    package func view(of reader: Reader) throws -> DeviceView {
        try now { state, now in try state.view(of: reader, at: now) }
    }

    /// Sends a signal from a device that is here to another that it sees.
    ///
    /// - Returns: Whether the receiver listens at this moment.
    package func signal(_ content: JSON, to id: RecordID, from sender: RegistrySender) throws -> Bool {
        let (signer, now) = try now { state, now in
            guard let signer = sender.signer, state.registry.record(of: RecordID(signer)) != nil else {
                throw SignalFault.unsigned
            }
            _ = try state.record(of: id, in: state.view(of: Reader(signer: signer, token: nil), at: now))
            return (signer, now)
        }
        guard let device = id.device else { throw SignalFault.unproven(id) }
        let signal = ReceivedSignal(sender: signer, sent: now.date, content: content)
        return try mailboxes.put(signal.event, for: device, at: now.instant)
    }

    /// The mailbox of a device, for itself alone.
    package func mailbox(of id: RecordID, for signer: DeviceID?) throws -> EventFeed {
        guard let signer, signer == id.device else { throw ReadFault.otherMailbox(id) }
        let instant = try now { state, now in
            _ = try state.record(of: id, in: .all)
            return now.instant
        }
        return mailboxes.feed(of: signer, at: instant)
    }

    /// Whether a registration would be kept, as far as the last write says.
    package var isReady: Bool { get async { await !writer.isFailing } }

    /// A part of the list.
    package func page(filter: DeviceFilter, after: RecordID?, limit: Int) -> (records: [DeviceRecord], isCut: Bool) {
        now { state, _ in state.registry.records(passing: filter, after: after, limit: limit) }
    }

    /// The tag that all parts of the list have until it changes.
    package func currentTag() -> String { now { state, _ in state.tag() } }

    /// A part of the list as JSON, if it is at hand: it was asked for before, and nothing has happened since.
    package func knownPage(_ query: DeviceQuery) -> DeviceListing? {
        let revision = now { state, _ in state.revision }
        return listing.withLockIfAvailable { Self.known($0, query, revision) } ?? nil
    }

    /// What anybody may have without proving anything, nil if that is nothing: the list's tag, and all of it if it is at
    /// hand.
    package func listForAnybody() -> (tag: String, whole: DeviceListing?)? {
        let found = now { state, now -> (tag: String, revision: UInt64)? in
            let view = try? state.view(of: Reader(signer: nil, token: nil), at: now)
            return view == .all ? (state.tag(), state.revision) : nil
        }
        return found.map { found in
            (found.tag, listing.withLockIfAvailable { Self.known($0, .whole, found.revision) } ?? nil)
        }
    }

    /// A part of the list as JSON: encoded once for all who ask for the same part while nothing happens.
    ///
    /// What others need is not locked meanwhile.
    package func encodedPage(_ query: DeviceQuery) -> DeviceListing {
        listing.withLock { listing in
            let revision = now { state, _ in state.revision }
            if let known = Self.known(listing, query, revision) { return known }
            let made = encode(query)
            listing = made
            return made
        }
    }

    private static func known(_ listing: DeviceListing?, _ query: DeviceQuery, _ revision: UInt64) -> DeviceListing? {
        listing.flatMap { $0.revision == revision && $0.query == query ? $0 : nil }
    }

    private func encode(_ query: DeviceQuery) -> DeviceListing {
        let (page, tag, revision) = now { state, _ in
            (
                state.registry.records(passing: query.filter, after: query.after, limit: query.limit), state.tag(),
                state.revision
            )
        }
        return DeviceListing(
            query: query,
            revision: revision,
            body: ByteBuffer(string: JSON.array(page.records.map(\.json)).description + "\n"),
            last: page.isCut ? page.records.last?.id : nil,
            tag: tag
        )
    }

    /// Writes from time to time what nobody waits for, and once more at the end.
    package func run() async throws {
        try? await cancelWhenGracefulShutdown {
            while true {
                for _ in 0..<Self.ticksBetweenWrites {
                    try await Task.sleep(for: Self.tick)
                    self.now { _, _ in }
                }
                self.mailboxes.sweep(at: self.clock().instant)
                await self.saveAll()
            }
        }
        await saveAll()
    }

    private func saveAll() async {
        while now({ state, _ in state.hurry(Self.largestBatch) }) {
            // The next time may do.
            do { try await writer.save() } catch { return }
        }
    }

    /// Looks at the registry as it is at this moment, or changes it, and tells the watchers what has changed.
    @discardableResult
    private func now<Value: Sendable, Fault: Error>(
        _ body: (inout RegistryState, Moment) throws(Fault) -> Value
    ) throws(Fault) -> Value {
        try shared.state.withLock { state throws(Fault) in
            let now = clock()
            state.expire(at: now)
            defer {
                // Within the lock, so that they come in their order.
                for change in state.takeChanges() {
                    presence.append(change.event, topic: change.record.tag?.description)
                }
                devices.record(state.registry.count)
            }
            return try body(&state, now)
        }
    }
}

/// The enrolment keys and the operators' tokens.
extension LiveRegistry {
    package var keys: [EnrollmentKey] { now { state, _ in state.access.allKeys } }

    package var tokens: [OperatorToken] { now { state, _ in state.access.allTokens } }

    /// Makes a key for devices to come in by.
    package func makeKey(
        isReusable: Bool,
        tag: DeviceTag?,
        life: TimeInterval
    ) async throws -> (secret: Secret, key: EnrollmentKey) {
        let secret = Secret.new(for: .enrollment)
        let key = try await granting { access, now throws(AccessFault) in
            let key = EnrollmentKey(
                hash: secret.hash,
                isReusable: isReusable,
                tag: tag,
                created: now,
                expires: now + life
            )
            try access.add(key)
            return (key, .key(key))
        }
        return (secret, key)
    }

    /// Makes a token to read with.
    package func makeToken(tag: DeviceTag?, life: TimeInterval) async throws -> (secret: Secret, token: OperatorToken) {
        let secret = Secret.new(for: .token)
        let token = try await granting { access, now throws(AccessFault) in
            let token = OperatorToken(hash: secret.hash, tag: tag, created: now, expires: now + life)
            try access.add(token)
            return (token, .token(token))
        }
        return (secret, token)
    }

    /// Revokes the key whose hash begins so.
    package func revokeKey(_ name: String) async throws -> EnrollmentKey {
        try await granting { access, now throws(AccessFault) in
            let key = try access.revokeKey(name, at: now)
            return (key, .key(key))
        }
    }

    package func revokeToken(_ name: String) async throws -> OperatorToken {
        defer { presence.rightsChanged() }
        return try await granting { access, now throws(AccessFault) in
            let token = try access.revokeToken(name, at: now)
            return (token, .token(token))
        }
    }

    private func granting<Value: Sendable>(
        _ change: (inout AccessTable, Date) throws(AccessFault) -> (Value, Grant)
    ) async throws -> Value {
        let value = try now { state, now throws(AccessFault) in
            try state.grant { access throws(AccessFault) in try change(&access, now.date) }
        }
        try await writer.save()
        return value
    }
}
