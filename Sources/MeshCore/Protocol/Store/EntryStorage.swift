// SPDX-License-Identifier: Apache-2.0

/// Where a replica's entries are kept: one for each key, the one that won.
package protocol EntryStorage {
    /// What is there at the start.
    func load() throws -> StoredReplica
    func entry(of key: StoreKey) throws -> StoreEntry?
    /// The entries of a writer from after `sequence` on, in the order of their sequences, as many as `count`.
    func entries(of writer: DeviceID, after sequence: UInt64, count: Int) throws -> [StoreEntry]
    /// The keys that have a value and begin with `prefix`, in order, from after `key` on, as many as `count`.
    func keys(prefix: String, after key: StoreKey?, count: Int) throws -> [StoreKey]
    /// Does all of it, or nothing.
    mutating func apply(_ change: StoreChange) throws
}

/// What a storage holds beside the entries.
package struct StoredReplica: Equatable, Sendable {
    package var versions = VersionVector()
    /// The other devices that have a replica.
    package var replicas: Set<DeviceID> = []
    /// The newest moment of an entry, also of one that is there no longer.
    package var latest = HybridTime(0)

    package init() {}
}

/// What is to be changed in a storage, in one step.
package struct StoreChange: Equatable, Sendable {
    /// Each replaces what there is of its key.
    package var entries: [StoreEntry] = []
    package var versions: [DeviceID: UInt64] = [:]
    package var replicas: [DeviceID] = []
    /// The tombstones of these writers up to these sequences are no longer needed.
    package var buried: [DeviceID: UInt64] = [:]
    /// The newest moment so far, which a tombstone may take with it: what is written next has to be newer.
    package var latest: HybridTime?

    package init() {}

    package var isEmpty: Bool { entries.isEmpty && versions.isEmpty && replicas.isEmpty && buried.isEmpty }
}
