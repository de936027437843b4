// SPDX-License-Identifier: Apache-2.0

/// What devices that may see each other have in common: 1 to 32 of `A-Z a-z 0-9 . _ -`, given by the operator.
///
/// A device with a tag sees those with the same tag alone; one without sees all.
package struct DeviceTag: Hashable, Sendable, CustomStringConvertible {
    package let description: String

    /// Nil for what is no tag.
    package init?(_ text: String) {
        guard (1...32).contains(text.utf8.count), text.utf8.allSatisfy(RecordID.allows) else { return nil }
        description = text
    }
}
