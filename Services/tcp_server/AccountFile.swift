// SPDX-License-Identifier: Apache-2.0

import Foundation
import MeshCore
import Synchronization

/// The password file, read again when it has changed.
final class AccountFile: Sendable {
    let path: String
    private let cache = Mutex(Cache())

    private struct Cache {
        var version: FileVersion?
        var accounts = AccountTable()
    }

    init(path: String) {
        self.path = path
    }

    /// The accounts as the file has them now; none where it is missing or can't be read.
    ///
    /// Blocks on the disk.
    func current() -> AccountTable {
        cache.withLock { cache in
            let version = FileVersion(path: path)
            if version == nil || version != cache.version {
                let accounts = try? load()
                cache.accounts = AccountTable(accounts ?? Accounts())
                // What could not be read, or may change again without a new version, is read again the next time.
                cache.version = accounts != nil && version?.isSettled == true ? version : nil
            }
            return cache.accounts
        }
    }

    /// Reads the file; no accounts where there is none.
    func load() throws(FileFault) -> Accounts {
        guard access(path, F_OK) == 0 || errno != ENOENT else { return Accounts() }
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
        return Accounts(parsing: String(decoding: bytes, as: UTF8.self))
    }

    /// Changes the file in one step, while no other process changes it.
    func change(_ body: (inout Accounts) throws -> Void) throws {
        let lockPath = path + ".lock"
        let lock = open(lockPath, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard lock >= 0 else { throw FileFault(path: lockPath, doing: "open", number: errno) }
        defer { close(lock) }
        guard flock(lock, LOCK_EX) == 0 else { throw FileFault(path: lockPath, doing: "lock", number: errno) }
        var accounts = try load()
        try body(&accounts)
        try writePrivately(accounts.text, to: path)
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

/// Changes whenever a file is written or replaced, once it is settled.
private struct FileVersion: Equatable {
    let device: UInt64
    let inode: UInt64
    let size: Int64
    let written: FileTime
    /// Also changes where the time of writing is set back, and with the permissions.
    let changed: FileTime
    /// Whether any later change would give another version: two changes in one tick of the file system's clock, some
    /// milliseconds, bear the same time.
    let isSettled: Bool

    struct FileTime: Equatable {
        let seconds: Int
        let nanoseconds: Int
    }

    /// Nil where the file can't be looked at.
    init?(path: String) {
        var status = stat()
        var now = timespec()
        guard stat(path, &status) == 0, clock_gettime(CLOCK_REALTIME, &now) == 0 else { return nil }
        (device, inode, size) = (UInt64(status.st_dev), UInt64(status.st_ino), Int64(status.st_size))
        written = FileTime(seconds: status.st_mtim.tv_sec, nanoseconds: status.st_mtim.tv_nsec)
        changed = FileTime(seconds: status.st_ctim.tv_sec, nanoseconds: status.st_ctim.tv_nsec)
        isSettled = now.tv_sec - changed.seconds > 1
    }

    static func == (left: FileVersion, right: FileVersion) -> Bool {
        left.device == right.device && left.inode == right.inode && left.size == right.size
            && left.written == right.written && left.changed == right.changed
    }
}
