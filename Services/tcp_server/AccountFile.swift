// SPDX-License-Identifier: Apache-2.0

import Foundation
import MeshCore
import MeshProgram
import Synchronization

/// The password file, read again when it has changed.
///
/// A change counts as a whole or not at all: where the file can't be read any more, or has lines that are no accounts and
/// were not there before, the accounts of before stay in force.
final class AccountFile: Sendable {
    let path: String
    private let report: @Sendable (Rereading) -> Void
    private let cache = Mutex(Cache())
    /// The accounts of the last look, for who must not wait for the disk.
    private let known = Mutex(AccountTable())

    private struct Cache {
        var version: FileVersion?
        /// Nil until there was a file that could be read.
        var accounts: Accounts?
        var table = AccountTable()
        var fault: FileFault?
    }

    /// `report` is told, once, of each change and of each that was not taken.
    init(path: String, report: @escaping @Sendable (Rereading) -> Void = { _ in }) {
        self.path = path
        self.report = report
    }

    /// The accounts in force.
    ///
    /// Blocks on the disk.
    func current() -> AccountTable {
        let (table, news) = cache.withLock { cache in
            let version = FileVersion(path: path)
            let isNew = version == nil || version != cache.version
            let news = isNew ? reread(&cache) : nil
            // What may change again without a new version is read again the next time.
            cache.version = version?.isSettled == true ? version : nil
            return (cache.table, news)
        }
        known.withLock { $0 = table }
        if let news { report(news) }
        return table
    }

    /// Whether there was such an account when the file was last looked at; waits for nothing.
    func knows(_ name: AccountName) -> Bool { known.withLock { $0.hash(of: name) != nil } }

    private func reread(_ cache: inout Cache) -> Rereading? {
        let before = (accounts: cache.accounts, fault: cache.fault)
        do throws(FileFault) {
            let accounts = try loadIfThere()
            if let accounts, let known = before.accounts { try checkLines(of: accounts, known) }
            guard let accounts else {
                if before.accounts == nil { return nil }
                throw FileFault(path: path, doing: "read", number: ENOENT)
            }
            cache.fault = nil
            cache.accounts = accounts
            if accounts == before.accounts, before.fault == nil { return nil }
            cache.table = AccountTable(accounts)
            let isFirst = before.accounts == nil && before.fault == nil
            return isFirst ? nil : .taken("\(accounts.all.count) accounts")
        } catch {
            cache.fault = error
            return error == before.fault ? nil : .kept(because: "\(error)")
        }
    }

    private func checkLines(of accounts: Accounts, _ known: Accounts) throws(FileFault) {
        let before = Set(known.unreadableLines.map(\.text))
        guard let line = accounts.unreadableLines.first(where: { !before.contains($0.text) }) else { return }
        throw FileFault(path: path, doing: "take", reason: "line \(line.number) is no account")
    }

    /// Reads the file; no accounts where there is none.
    func load() throws(FileFault) -> Accounts {
        try loadIfThere() ?? Accounts()
    }

    private func loadIfThere() throws(FileFault) -> Accounts? {
        guard access(path, F_OK) == 0 || errno != ENOENT else { return nil }
        guard let file = fopen(path, "re") else { throw FileFault(path: path, doing: "read", number: errno) }
        defer { fclose(file) }
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 65_536)
        var count = fread(&chunk, 1, chunk.count, file)
        while count > 0 {
            bytes += chunk.prefix(count)
            count = fread(&chunk, 1, chunk.count, file)
        }
        guard ferror(file) == 0 else { throw FileFault(path: path, doing: "read", number: errno) }
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw FileFault(path: path, doing: "read", reason: "it is not UTF-8")
        }
        return Accounts(parsing: text)
    }

    /// Changes the file in one step, while no other process of ours changes it, and not over a change that another
    /// program makes meanwhile.
    func change(_ body: (inout Accounts) throws -> Void) throws {
        let lockPath = path + ".lock"
        let lock = open(lockPath, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard lock >= 0 else { throw FileFault(path: lockPath, doing: "open", number: errno) }
        defer { close(lock) }
        guard flock(lock, LOCK_EX) == 0 else { throw FileFault(path: lockPath, doing: "lock", number: errno) }
        for _ in 0..<10 {
            let version = FileVersion(path: path)
            let before = try load()
            var accounts = before
            try body(&accounts)
            guard FileVersion(path: path) == version else { continue }
            if accounts != before { try writePrivately(accounts.text, to: target) }
            return
        }
        throw FileFault(path: path, doing: "change", reason: "another program changes it all the time")
    }

    /// Where the path is a link, what it leads to: the link stays one.
    private var target: String {
        guard let resolved = realpath(path, nil) else { return path }
        defer { free(resolved) }
        return String(cString: resolved)
    }
}

/// The accounts by name.
struct AccountTable: Sendable {
    private let hashes: [AccountName: String]
    /// The hashes that can let somebody in: what an unknown name is compared with, so that it takes as long.
    private let usable: [String]

    init(_ accounts: Accounts) {
        hashes = Dictionary(accounts.all.map { ($0.name, $0.hash) }) { first, _ in first }
        usable = accounts.all.map(\.hash).filter(PasswordHash.isAccepted)
    }

    init() {
        self.init(Accounts())
    }

    /// The hash of an account that can log in.
    func hash(of name: AccountName) -> String? { hashes[name].flatMap { PasswordHash.isAccepted($0) ? $0 : nil } }

    /// What the password of someone who calls himself `user` is compared with: the hash of that account, or else that of
    /// some other, which gives no name.
    ///
    /// So the time tells nobody whether there is an account of that name. Nil if no account can log in.
    func comparison(for user: String) -> Comparison? {
        if let name = AccountName(user), let hash = hashes[name], PasswordHash.isAccepted(hash) {
            return Comparison(hash: hash, name: name)
        }
        // Always the same for the same text. Swift's hashes are seeded anew in each process: which account it is can't be
        // known from outside.
        if usable.isEmpty { return nil }
        return Comparison(hash: usable[Int(UInt(bitPattern: user.hashValue) % UInt(usable.count))], name: nil)
    }
}

/// What a password is compared with, and who has it if it is equal.
struct Comparison: Equatable, Sendable {
    let hash: String
    /// Nil where nobody is let in, whatever the password.
    let name: AccountName?
}
