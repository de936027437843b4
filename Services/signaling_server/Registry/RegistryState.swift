// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import MeshCore
import Synchronization

/// What all requests share: who is there, who may be, whose signatures came, and what is still to be written.
///
/// Whoever drives it calls ``expire(at:)`` before anything else that happens at a time.
struct RegistryState: Sendable {
    private(set) var registry: Registry
    private(set) var access: AccessTable
    private var replays: ReplayGuard
    private var unsaved: UnsavedRecords
    /// Counts what happens to the records, heartbeats too.
    private(set) var revision: UInt64 = 0
    /// Tells the tags of one run from those of another.
    let run: String
    private var lastTag = (version: UInt64.max, text: "")

    /// Takes over what was kept.
    init(_ registry: Registry, kept: KeptState, at now: Moment) {
        self.registry = registry
        self.registry.restore(kept.records, at: now)
        access = AccessTable(kept.grants)
        unsaved = UnsavedRecords(stored: kept.records.lazy.map(\.id))
        replays = ReplayGuard(started: now.instant)
        run = String(UInt64(max(0, now.date.timeIntervalSince1970 * 1_000)), radix: 16)
        unsaved.granted(access.prune(at: now.date).map(RegistryChange.revoke))
    }

    /// The tag of the list as it is; weak, as a heartbeat changes the times in the list, but nothing else.
    mutating func tag() -> String {
        if lastTag.version != registry.version {
            lastTag = (registry.version, "W/\"\(run)-\(registry.version)\"")
        }
        return lastTag.text
    }

    mutating func expire(at now: Moment) {
        for id in registry.expire(at: now) {
            unsaved.aged(id)
            revision += 1
        }
    }

    /// What watchers are to be told.
    mutating func takeChanges() -> [PresenceChange] { registry.takeChanges() }

    /// A signature that was verified is used up.
    mutating func use(_ signer: RequestSigner, at now: Moment) throws(SignatureFault) {
        try replays.received(signer, at: now)
    }

    mutating func register(
        _ registration: Registration,
        from sender: RegistrySender,
        enrollmentKey: String?,
        at now: Moment
    ) throws -> (record: DeviceRecord, isNew: Bool) {
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
        changed(registration.id)
        return result
    }

    mutating func heartbeat(
        _ id: RecordID,
        from sender: RegistrySender,
        sessions: SessionReport,
        at now: Moment
    ) throws -> DeviceRecord {
        try checkMembership(of: sender)
        let record = try registry.heartbeat(id, from: sender, sessions: visible(sessions, to: sender), at: now)
        unsaved.aged(id)
        revision += 1
        return record
    }

    /// What a device reports is shown to all who see it, who are not to hear of those that it does not see itself.
    private func visible(_ sessions: SessionReport, to sender: RegistrySender) -> SessionReport {
        guard let tag = sender.signer.flatMap({ access.member($0)?.tag }), let reported = sessions.sessions else {
            return sessions
        }
        let view = DeviceView(tag: tag)
        return SessionReport(reported.filter { registry.record(of: RecordID($0.key)).map(view.shows) ?? true })
    }

    mutating func remove(_ id: RecordID, from sender: RegistrySender) throws {
        try checkMembership(of: sender)
        try registry.remove(id, from: sender)
        changed(id)
    }

    mutating func takeOut(_ id: RecordID) throws(RegistryRefusal) {
        let expelled = id.device.map { access.expel($0) } ?? []
        unsaved.granted(expelled.map(RegistryChange.revoke))
        do { try registry.takeOut(id) } catch {
            // One that is away can be expelled too.
            if expelled.isEmpty { throw error }
        }
        changed(id)
    }

    func view(of reader: Reader, at now: Moment) throws(ReadFault) -> DeviceView {
        if let token = reader.token {
            guard let token = access.token(token, at: now.date) else { throw .badToken }
            return DeviceView(tag: token.tag)
        }
        guard registry.enrollment == .keys else { return .all }
        guard let signer = reader.signer, let member = access.member(signer) else { throw .anonymous }
        return DeviceView(tag: member.tag)
    }

    func record(of id: RecordID, in view: DeviceView) throws(RegistryRefusal) -> DeviceRecord {
        guard let record = registry.record(of: id), view.shows(record) else { throw .unknown(id) }
        return record
    }

    /// Changes who may come in, and notes the grant that results.
    mutating func grant<Value>(
        _ change: (inout AccessTable) throws(AccessFault) -> (Value, Grant)
    ) throws(AccessFault) -> Value {
        let (value, grant) = try change(&access)
        unsaved.granted([.grant(grant)])
        return value
    }

    /// The changes to write now.
    mutating func takeUnsaved() -> [RegistryChange] { unsaved.take { registry.record(of: $0) } }

    mutating func written(_ changes: [RegistryChange]) { unsaved.written(changes) }

    mutating func notWritten(_ changes: [RegistryChange]) { unsaved.notWritten(changes) }

    /// Puts up to `count` of those that may wait among those that are written next; false where there is nothing to write.
    mutating func hurry(_ count: Int) -> Bool {
        unsaved.hurry(count)
        return !unsaved.isEmpty
    }

    private mutating func changed(_ id: RecordID) {
        unsaved.changed(id)
        revision += 1
    }

    /// Where devices are enrolled, one that was taken out is out.
    private func checkMembership(of sender: RegistrySender) throws(EnrollmentFault) {
        guard registry.enrollment == .keys, let signer = sender.signer else { return }
        if access.member(signer) == nil { throw .needed }
    }
}

/// The state of the registry, behind a lock that is held for some microseconds: most requests are through before a change
/// of threads would be.
final class SharedRegistry: Sendable {
    let state: Mutex<RegistryState>

    init(_ state: RegistryState) {
        self.state = Mutex(state)
    }
}
