// SPDX-License-Identifier: Apache-2.0

import MeshCore

/// What a password file says: a line `name:hash` for each account, as mkpasswd, htpasswd and `openssl passwd` make the
/// hashes.
///
/// Empty lines and those that begin with `#` are comments, and are kept.
struct Accounts: Equatable, Sendable {
    private enum Line: Equatable {
        case account(AccountName, hash: String)
        case other(String)
    }

    private var lines: [Line] = []

    init() {}

    /// Reads a file's text.
    ///
    /// A line that is no account counts as a comment: it lets nobody in.
    init(parsing text: String) {
        var seen: Set<AccountName> = []
        lines = text.split(separator: "\n", omittingEmptySubsequences: false).map { line in
            let line = line.hasSuffix("\r") ? line.dropLast() : line
            let parts = line.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
            // Of two lines for one name the first counts, as with htpasswd.
            guard parts.count == 2, !line.hasPrefix("#"), let name = AccountName(parts[0]), seen.insert(name).inserted
            else {
                return .other(String(line))
            }
            return .account(name, hash: String(parts[1]))
        }
        if lines.last == .other("") { lines.removeLast() }
    }

    /// The file's text.
    var text: String {
        lines.map { line in
            switch line {
            case .account(let name, let hash): "\(name):\(hash)\n"
            case .other(let text): "\(text)\n"
            }
        }.joined()
    }

    /// The accounts in the order of the file, with their hashes.
    var all: [(name: AccountName, hash: String)] {
        lines.compactMap { line in
            if case .account(let name, let hash) = line { (name, hash) } else { nil }
        }
    }

    /// The lines that are neither accounts nor comments, counted from 1.
    var unreadableLines: [Int] {
        lines.indices.filter { index in
            if case .other(let text) = lines[index] { !text.isEmpty && !text.hasPrefix("#") } else { false }
        }.map { $0 + 1 }
    }

    /// The hash of an account.
    ///
    /// Setting one adds or changes the account, setting nil removes it.
    subscript(name: AccountName) -> String? {
        get { all.first { $0.name == name }?.hash }
        set {
            let index = lines.firstIndex { line in
                if case .account(name, _) = line { true } else { false }
            }
            switch (index, newValue) {
            case (let index?, let hash?): lines[index] = .account(name, hash: hash)
            case (let index?, nil): lines.remove(at: index)
            case (nil, let hash?): lines.append(.account(name, hash: hash))
            case (nil, nil): break
            }
        }
    }
}
