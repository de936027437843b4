// SPDX-License-Identifier: Apache-2.0

/// A key of the store: 1 to 512 bytes of UTF-8 without control characters.
///
/// Two keys are the same if their bytes are: letters that only look alike make different keys, as in every replica's
/// database.
package struct StoreKey: Sendable {
    package let text: String

    package init(_ text: String) throws(StoreViolation) {
        do { try text.checkText(limit: StoreLimits.key) } catch { throw .key(error) }
        if text.contains(where: { $0 == "\t" || $0 == "\n" }) { throw .key(.controlCharacter) }
        self.text = text
    }

    package func hasPrefix(_ prefix: String) -> Bool { text.utf8.starts(with: prefix.utf8) }
}

extension StoreKey: Hashable {
    package static func == (left: StoreKey, right: StoreKey) -> Bool { left.text.utf8.elementsEqual(right.text.utf8) }

    package func hash(into hasher: inout Hasher) {
        for byte in text.utf8 { hasher.combine(byte) }
    }
}

extension StoreKey: Comparable {
    package static func < (left: StoreKey, right: StoreKey) -> Bool {
        left.text.utf8.lexicographicallyPrecedes(right.text.utf8)
    }
}

extension StoreKey: CustomStringConvertible {
    package var description: String { text }
}
