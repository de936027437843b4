// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import SwiftProtobuf

extension DeviceID {
    /// The 16 bytes, as messages have them.
    var wire: Data { Data(bytes) }
}

extension [StoreEntry] {
    /// On the wire: those of one writer that follow each other lie together.
    var grouped: [WireStoreWriter] {
        var groups: [WireStoreWriter] = []
        var last: DeviceID?
        for entry in self {
            if entry.writer != last { groups.append(.with { $0.writer = entry.writer.wire }) }
            last = entry.writer
            groups[groups.count - 1].entries.append(entry.wire)
        }
        return groups
    }

    /// The other side's, checked.
    init(_ groups: [WireStoreWriter]) throws(StoreViolation) {
        self = []
        for group in groups {
            guard let writer = DeviceID(bytes: group.writer) else { throw .malformed }
            for entry in group.entries { append(try StoreEntry(entry, by: writer)) }
        }
    }
}

extension StoreEntry {
    fileprivate var wire: WireStoreEntry {
        .with {
            ($0.key, $0.time, $0.sequence) = (key.text, time.value, sequence)
            if let value { $0.value = value }
        }
    }

    fileprivate init(_ wire: WireStoreEntry, by writer: DeviceID) throws(StoreViolation) {
        let key = try StoreKey(wire.key)
        if wire.hasValue { try Self.check(value: wire.value) }
        guard (1...UInt64(Int64.max)).contains(wire.sequence), wire.time <= UInt64(Int64.max) else { throw .malformed }
        self.init(
            key: key,
            value: wire.hasValue ? wire.value : nil,
            time: HybridTime(wire.time),
            writer: writer,
            sequence: wire.sequence
        )
    }
}
