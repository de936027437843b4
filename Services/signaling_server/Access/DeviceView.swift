// SPDX-License-Identifier: Apache-2.0

package import MeshCore

/// Which devices somebody may see.
package struct DeviceView: Equatable, Sendable {
    package static let all = DeviceView(tag: nil)

    /// Nil stands for all.
    package let tag: DeviceTag?

    package init(tag: DeviceTag?) {
        self.tag = tag
    }

    func shows(_ record: DeviceRecord) -> Bool { tag == nil || tag == record.tag }
}

/// Who reads: a device that signed, an operator with a token, or anybody where that is enough.
package struct Reader: Sendable {
    let signer: DeviceID?
    let token: String?
}
