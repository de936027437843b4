// SPDX-License-Identifier: Apache-2.0

package import MeshCore

/// Keeps a replica's entries in memory.
package struct MemoryEntries: EntryStorage, Equatable {
    package private(set) var stored = StoredReplica()
    package private(set) var entries: [StoreKey: StoreEntry] = [:]

    package init() {}

    package func load() -> StoredReplica {
        var stored = stored
        stored.latest = max(stored.latest, entries.values.map(\.time).max() ?? HybridTime(0))
        return stored
    }

    package func entry(of key: StoreKey) -> StoreEntry? { entries[key] }

    package func entries(of writer: DeviceID, after sequence: UInt64, count: Int) -> [StoreEntry] {
        let newer = entries.values.filter { $0.writer == writer && $0.sequence > sequence }
        return Array(newer.sorted { $0.sequence < $1.sequence }.prefix(count))
    }

    package func keys(prefix: String, after key: StoreKey?, count: Int) -> [StoreKey] {
        let found = entries.values.filter { $0.value != nil && $0.key.hasPrefix(prefix) }.map(\.key).sorted()
        return Array(found.drop { one in key.map { one <= $0 } ?? false }.prefix(count))
    }

    package mutating func apply(_ change: StoreChange) {
        for entry in change.entries { entries[entry.key] = entry }
        for (writer, sequence) in change.versions { stored.versions.raise(writer, to: sequence) }
        stored.replicas.formUnion(change.replicas)
        if let latest = change.latest { stored.latest = max(stored.latest, latest) }
        for (writer, sequence) in change.buried {
            entries = entries.filter { _, entry in
                entry.writer != writer || entry.sequence > sequence || entry.value != nil
            }
        }
    }
}
