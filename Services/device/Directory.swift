// SPDX-License-Identifier: Apache-2.0

import MeshCore

/// Finds the device that a person means.
struct Directory: Equatable {
    struct Entry: Equatable {
        let id: DeviceID
        let name: String
    }

    /// Whom a word means.
    enum Match: Equatable {
        case nobody
        case devices([Entry])
        /// A name that several have, or digits that several ids begin with.
        case several([Entry])
    }

    let entries: [Entry]

    /// By the whole name, else the id, else at least four of its first digits; `all` is everybody.
    func find(_ word: String) -> Match {
        if word == "all" { return entries.isEmpty ? .nobody : .devices(entries) }
        let named = entries.filter { $0.name == word }
        if !named.isEmpty { return named.count == 1 ? .devices(named) : .several(named) }
        guard word.utf8.count >= Self.fewestDigits else { return .nobody }
        let digits = word.lowercased()
        let matching = entries.filter { $0.id.description.hasPrefix(digits) }
        if matching.isEmpty { return .nobody }
        return matching.count == 1 ? .devices(matching) : .several(matching)
    }

    private static let fewestDigits = 4
}
