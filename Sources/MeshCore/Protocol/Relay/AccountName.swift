// SPDX-License-Identifier: Apache-2.0

/// The name of an account: 1 to 64 bytes of letters and digits of any script, and `. _ - @ +`.
///
/// So it can stand in a password file, in a line `[name]: text` and on a terminal without being mistaken for more.
package struct AccountName: Hashable, Sendable, CustomStringConvertible {
    package let description: String

    /// Nil for what is no name.
    package init?(_ text: some StringProtocol) {
        let isName = text.unicodeScalars.allSatisfy { scalar in
            scalar.properties.isAlphabetic || scalar.properties.numericType != nil
                || "._-@+".unicodeScalars.contains(scalar)
        }
        guard isName, (1...Self.maximumBytes).contains(text.utf8.count) else { return nil }
        description = String(text)
    }

    /// The rule, for who broke it.
    package static let rule = "a name has 1 to \(maximumBytes) bytes: letters, digits and . _ - @ +"

    private static let maximumBytes = 64
}
