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
        // To Swift, `\r\n` is one character, which is not `\n`.
        let rows = text.split(omittingEmptySubsequences: false) { $0 == "\n" || $0 == "\r\n" }
        lines = rows.map { line in
            // Of two lines for one name the first counts, as with htpasswd.
            guard let (name, hash) = Self.account(in: line), seen.insert(name).inserted else {
                return .other(String(line))
            }
            return .account(name, hash: hash)
        }
        if lines.last == .other("") { lines.removeLast() }
    }

    private static func account(in line: some StringProtocol) -> (AccountName, hash: String)? {
        let parts = line.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2, !line.hasPrefix("#"), let name = AccountName(parts[0]) else { return nil }
        return (name, String(parts[1]))
    }

    private static func named(in line: Line) -> AccountName? {
        switch line {
        case .account(let name, _): name
        case .other(let text): account(in: text)?.0
        }
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
    var unreadableLines: [(number: Int, text: String)] {
        lines.enumerated().compactMap { index, line in
            guard case .other(let text) = line, !text.isEmpty, !text.hasPrefix("#") else { return nil }
            return (index + 1, text)
        }
    }

    /// The hash of an account.
    ///
    /// Setting one adds or changes the account, setting nil removes it, with all lines that name it: none comes to count.
    subscript(name: AccountName) -> String? {
        get { all.first { $0.name == name }?.hash }
        set {
            let index = lines.firstIndex { line in
                if case .account(name, _) = line { true } else { false }
            }
            switch (index, newValue) {
            case (let index?, let hash?): lines[index] = .account(name, hash: hash)
            case (_?, nil): lines.removeAll { Self.named(in: $0) == name }
            case (nil, let hash?): lines.append(.account(name, hash: hash))
            case (nil, nil): break
            }
        }
    }
}
