// SPDX-License-Identifier: Apache-2.0

import Foundation
package import NIOCore

/// A search for words in bytes that grow: what was looked at once is not looked at again.
package struct Search {
    private let words: Data
    private var looked = 0

    package init(_ words: String) {
        self.words = Data(words.utf8)
    }

    /// Whether the words are in `bytes`, which are those of the last time and what has come since.
    package mutating func succeeds(in bytes: ByteBuffer) -> Bool {
        // The words may have begun in what was looked at.
        let start = max(0, looked - words.count)
        let news = Data(bytes.readableBytesView.dropFirst(start))
        looked = bytes.readableBytes
        return news.firstRange(of: words) != nil
    }
}
