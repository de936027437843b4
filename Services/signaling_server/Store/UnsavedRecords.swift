// SPDX-License-Identifier: Apache-2.0

package import MeshCore

/// Which records differ from what the store holds, and what else it is to be told.
///
/// What is written of each is its state at that time, so many changes of one record are one write, and a write that
/// failed is made up for by the next.
package struct UnsavedRecords: Equatable, Sendable {
    /// Somebody waits for these to be written.
    private var urgent: Set<RecordID> = []
    /// These may wait: a lost heartbeat or expiry does no harm.
    private var patient: Set<RecordID> = []
    /// What the store holds.
    ///
    /// A record that came and went before it was written needs no write.
    private var stored: Set<RecordID>
    /// Changes of who may come in, in their order; few, and somebody waits for each.
    private var grants: [RegistryChange] = []

    package init(stored: some Sequence<RecordID>) {
        self.stored = Set(stored)
    }

    package var isEmpty: Bool { urgent.isEmpty && patient.isEmpty && grants.isEmpty }

    package mutating func changed(_ id: RecordID) {
        patient.remove(id)
        urgent.insert(id)
    }

    package mutating func granted(_ changes: some Sequence<RegistryChange>) {
        grants += changes
    }

    /// A sign of life, or the end of one: nobody waits for the write.
    package mutating func aged(_ id: RecordID) {
        if !urgent.contains(id) { patient.insert(id) }
    }

    /// Puts up to `count` of those that may wait among those that are written next.
    package mutating func hurry(_ count: Int) {
        for id in patient.prefix(count) {
            patient.remove(id)
            urgent.insert(id)
        }
    }

    /// Takes out the changes to write now, given the records as they are.
    package mutating func take(_ record: (RecordID) -> DeviceRecord?) -> [RegistryChange] {
        defer { (urgent, grants) = ([], []) }
        return grants
            + urgent.sorted().compactMap { id in
                if let record = record(id) { return .keep(record) }
                return stored.contains(id) ? .drop(id) : nil
            }
    }

    package mutating func written(_ changes: [RegistryChange]) {
        for change in changes {
            switch change {
            case .keep(let record): stored.insert(record.id)
            case .drop(let id): stored.remove(id)
            case .grant, .revoke: break
            }
        }
    }

    package mutating func notWritten(_ changes: [RegistryChange]) {
        grants = changes.filter { $0.isGrant } + grants
        for change in changes {
            switch change {
            // Who waits for one of these may not have asked for the write yet that was to hold it.
            case .keep(let record): changed(record.id)
            case .drop(let id): changed(id)
            case .grant, .revoke: break
            }
        }
    }
}

extension RegistryChange {
    fileprivate var isGrant: Bool {
        switch self {
        case .grant, .revoke: true
        case .keep, .drop: false
        }
    }
}
