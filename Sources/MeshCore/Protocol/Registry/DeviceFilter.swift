// SPDX-License-Identifier: Apache-2.0

/// Which records of a list somebody wants: those that have all of this.
package struct DeviceFilter: Equatable, Sendable {
    package var name: String?
    package var metadata: [String: String] = [:]
    /// Nil stands for any, and for none.
    package var tag: DeviceTag?

    package init() {}

    package func passes(_ record: DeviceRecord) -> Bool {
        (name == nil || name == record.registration.name)
            && (tag == nil || tag == record.tag) && metadata.allSatisfy { record.registration.metadata[$0] == $1 }
    }
}
