// SPDX-License-Identifier: Apache-2.0

import MeshCore

/// The relays that this client has met and the keys they had, as ssh's known_hosts: a line `host:port fingerprint` each.
final class KnownRelays: Sendable {
    /// What is known of a relay's key.
    enum Judgement: Equatable {
        case known
        /// Never met before. It is remembered now.
        case new
        /// The relay had another key, which stands in line `line` of the file.
        case changed(line: Int)
    }

    private let directory: StateDirectory
    private static let file = "known_relays"

    var path: String { directory.file(Self.file) }

    init(in directory: StateDirectory) {
        self.directory = directory
    }

    /// Compares a relay's key with the one that it had before.
    ///
    /// A relay's first key is written down.
    func judge(_ fingerprint: KeyFingerprint, of relay: Endpoint) throws(FileFault) -> Judgement {
        let text = try directory.read(Self.file) ?? ""
        for (index, line) in text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline).enumerated() {
            let words = line.split(whereSeparator: \.isWhitespace)
            guard words.first.map(String.init) == relay.description else { continue }
            // A line that names the relay and no legible key is no reason to trust whatever key it has now.
            return words.dropFirst().first.map(String.init) == fingerprint.description
                ? .known : .changed(line: index + 1)
        }
        let separator = text.last.map(\.isNewline) == false ? "\n" : ""
        try directory.append("\(separator)\(relay) \(fingerprint)\n", to: Self.file)
        return .new
    }
}
