// SPDX-License-Identifier: Apache-2.0

import Crypto
package import FoundationEssentials

/// Stands for a source of guesses, or for a source and the account whose password it guesses: half of a digest.
///
/// So a key is short whatever is given for a name, and what is kept has no names in it: people type their password where
/// the name belongs.
package struct GuessKey: Hashable, Sendable {
    package let bytes: Data

    /// A key that was kept.
    ///
    /// Nil for what is none.
    package init?(bytes: Data) {
        guard bytes.count == Self.length else { return nil }
        self.bytes = bytes
    }

    init(_ source: SourceAddress) {
        self.init(digesting: "\(source)")
    }

    init(_ source: SourceAddress, user: String) {
        self.init(digesting: "\(source) \(user)")
    }

    private init(digesting text: String) {
        bytes = Data(SHA256.hash(data: Data(text.utf8)).prefix(Self.length))
    }

    private static let length = 16
}
