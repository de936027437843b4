// SPDX-License-Identifier: Apache-2.0

/// Which records of a list somebody wants: those that have all of this.
package struct DeviceFilter: Equatable, Sendable {
    package var name: String?
    package var metadata: [String: String] = [:]

    package init() {}

    package func passes(_ record: DeviceRecord) -> Bool {
        (name == nil || name == record.registration.name)
            && metadata.allSatisfy { record.registration.metadata[$0] == $1 }
    }
}
