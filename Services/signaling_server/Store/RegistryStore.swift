// SPDX-License-Identifier: Apache-2.0

package import MeshCore

/// Where the records, and who may come in, outlive the process.
package protocol RegistryStore: Sendable {
    /// What was kept.
    func load() async throws(StoreFault) -> KeptState

    /// Makes all of the changes, in their order, or none. When it returns they outlive the process, however it ends.
    func apply(_ changes: [RegistryChange]) async throws(StoreFault)
}

/// All that a store holds, in no order.
package struct KeptState: Equatable, Sendable {
    package var records: [DeviceRecord]
    package var grants: [Grant]

    package init(records: [DeviceRecord] = [], grants: [Grant] = []) {
        (self.records, self.grants) = (records, grants)
    }
}

/// One change of what is kept.
package enum RegistryChange: Equatable, Sendable {
    /// The record is kept in place of the one with its id.
    case keep(DeviceRecord)
    case drop(RecordID)
    /// The grant is kept in place of the one with its id.
    case grant(Grant)
    case revoke(Grant)
}

/// Why a store can't do its work, in words for the operator.
package struct StoreFault: Error, Equatable, CustomStringConvertible {
    package enum Kind: Sendable {
        /// There is no room left.
        case full
        /// Another process uses it.
        case inUse
        /// It can't be made or opened.
        case cannotOpen
        /// It is there, but can't be read or written.
        case broken
    }

    package let kind: Kind
    package let description: String

    package init(_ kind: Kind, _ description: String) {
        (self.kind, self.description) = (kind, description)
    }
}
