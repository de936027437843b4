// SPDX-License-Identifier: Apache-2.0

import Synchronization

/// What the word that is being typed at the prompt may become.
final class Completions: Sendable {
    private let names = Mutex<[String]>([])

    /// The devices that can be named from now on.
    func offer(_ names: [String]) {
        self.names.withLock { $0 = names }
    }

    /// The words that the last one of `line` may become; a name with spaces comes in quotes.
    func candidates(for line: String) -> [String] {
        let words = line.split(separator: " ", omittingEmptySubsequences: false).map(String.init)
        guard words.count > 1 else { return PromptCommand.words.filter { $0.hasPrefix(line) } }
        guard words.count == 2, Self.naming.contains(words[0]) else { return [] }
        let typed = words[1].hasPrefix("\"") ? String(words[1].dropFirst()) : words[1]
        let names = names.withLock(\.self) + (words[0] == "send" ? ["all"] : [])
        return names.filter { $0.hasPrefix(typed) }.map { $0.contains(" ") ? "\"\($0)\"" : $0 }
    }

    private static let naming: Set<String> = ["send", "ping", "explain"]
}
