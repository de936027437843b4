// SPDX-License-Identifier: Apache-2.0

package import MeshCore
package import NIOCore

/// A part of the list of devices, encoded.
package struct DeviceListing: Sendable {
    let query: DeviceQuery
    /// What had happened when it was encoded.
    let revision: UInt64
    /// A JSON array and a line break.
    package let body: ByteBuffer
    /// The last record of the part, if more come after it.
    package let last: RecordID?
    package let tag: String
}
