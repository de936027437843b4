// SPDX-License-Identifier: Apache-2.0

import SwiftProtobuf

/// How much of each writer's entries a replica has: all up to a sequence (Parker and others, "Detection of Mutual
/// Inconsistency", 1983).
package struct VersionVector: Equatable, Sendable {
    package private(set) var versions: [DeviceID: UInt64]

    package init(_ versions: [DeviceID: UInt64] = [:]) {
        self.versions = versions
    }

    package subscript(writer: DeviceID) -> UInt64 { versions[writer] ?? 0 }

    package mutating func raise(_ writer: DeviceID, to sequence: UInt64) {
        if sequence > self[writer] { versions[writer] = sequence }
    }

    mutating func lower(_ writer: DeviceID, to sequence: UInt64) {
        versions[writer] = sequence == 0 ? nil : min(sequence, self[writer])
    }

    package mutating func merge(_ other: VersionVector) {
        for (writer, sequence) in other.versions { raise(writer, to: sequence) }
    }

    /// Whether there is nothing in `other` that is not here.
    package func covers(_ other: VersionVector) -> Bool {
        other.versions.allSatisfy { self[$0.key] >= $0.value }
    }
}

// On the wire.
extension VersionVector {
    init(_ wire: [WireStoreVersion]) throws(StoreViolation) {
        guard wire.count <= StoreLimits.writers else { throw .tooManyWriters }
        self.init()
        for version in wire {
            guard let writer = DeviceID(bytes: version.writer), version.sequence <= UInt64(Int64.max) else {
                throw .malformed
            }
            raise(writer, to: version.sequence)
        }
    }

    var wire: [WireStoreVersion] {
        versions.sorted { $0.key < $1.key }.map { writer, sequence in
            .with { ($0.writer, $0.sequence) = (writer.wire, sequence) }
        }
    }
}
