// SPDX-License-Identifier: Apache-2.0

/// The id that a record is kept under: 1 to 64 of `A-Z a-z 0-9 . _ -`, but not `.` or `..`, which a path would lose, nor
/// `watch`, which means something else in one.
///
/// An id of the form of a ``DeviceID`` belongs to the key that it names; it has one spelling, the lower-case one. Any
/// other id belongs to nobody.
package struct RecordID: Hashable, Sendable, CustomStringConvertible {
    package let description: String
    /// The device whose key has to sign for this id; nil where no key can prove it.
    package let device: DeviceID?

    /// Nil for what is no id.
    package init?(_ text: some StringProtocol) {
        let text = String(text)
        guard (1...64).contains(text.utf8.count), text.utf8.allSatisfy(Self.allows), !Self.reserved.contains(text)
        else { return nil }
        device = DeviceID(text)
        description = device?.description ?? text
    }

    package init(_ device: DeviceID) {
        self.device = device
        description = device.description
    }

    private static let reserved = [".", "..", "watch"]

    static func allows(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"):
            true
        default: false
        }
    }
}

/// By the bytes of the text: the order of lists.
extension RecordID: Comparable {
    package static func == (left: RecordID, right: RecordID) -> Bool { left.description == right.description }

    package static func < (left: RecordID, right: RecordID) -> Bool { left.description < right.description }

    package func hash(into hasher: inout Hasher) { hasher.combine(description) }
}
