// SPDX-License-Identifier: Apache-2.0

package import MeshCore
package import NIOCore

/// A part of the list of devices, encoded.
package struct DeviceListing: Sendable {
    let filter: DeviceFilter
    let after: RecordID?
    let limit: Int
    /// A JSON array and a line break.
    package let body: ByteBuffer
    /// The last record of the part, if more come after it.
    package let last: RecordID?
    package let tag: String

    /// Whether it is what somebody asks for.
    func isOf(_ filter: DeviceFilter, _ after: RecordID?, _ limit: Int) -> Bool {
        self.filter == filter && self.after == after && self.limit == limit
    }
}
