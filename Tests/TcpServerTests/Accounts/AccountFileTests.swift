// SPDX-License-Identifier: Apache-2.0

import Foundation
import MeshCore
import Synchronization
import TestSupport
import Testing

@testable import tcp_server

@Suite struct AccountFileTests {
    private let alice = AccountName.named("alice")
    private let bob = AccountName.named("bob")

    @Test func `a missing file lets nobody in, until it is there`() async throws {
        try await withTemporaryDirectory { directory in
            let news = News()
            let file = AccountFile(path: directory + "/accounts", report: news.report)
            #expect(file.current().comparison(for: "alice") == nil)
            try write("alice:$6$a\n", file)
            #expect(file.current().comparison(for: "alice")?.hash == "$6$a")
            #expect(news.all.isEmpty)
        }
    }

    @Test(arguments: [
        ("alice:$6$new\ngarbage\n", "line 2 is no account"), ("alice:$6$new\n\u{0}\u{1}\n", "line 2 is no account"),
        ("garbage", "line 1 is no account"), (nil, "No such file or directory"),
    ])
    func `a file that is broken anew leaves the accounts of before in force, and is told of once`(
        broken: String?,
        reason: String
    ) async throws {
        try await withTemporaryDirectory { directory in
            let news = News()
            let file = AccountFile(path: directory + "/accounts", report: news.report)
            try write("alice:$6$a\nold garbage\n", file)
            #expect(file.current().comparison(for: "alice")?.hash == "$6$a")
            if let broken { try write(broken, file) } else { try FileManager.default.removeItem(atPath: file.path) }
            for _ in 0..<3 { #expect(file.current().comparison(for: "alice")?.hash == "$6$a") }
            #expect(news.all.count == 1)
            guard case .kept(let because) = news.all.first else {
                Issue.record("\(news.all)")
                return
            }
            #expect(because.contains(reason), "\(because)")
            // The lines that were no accounts before are nothing new.
            try write("old garbage\nalice:$6$new\nbob:$6$b\n", file)
            for _ in 0..<3 { #expect(file.current().comparison(for: "alice")?.hash == "$6$new") }
            #expect(news.all.dropFirst() == [.taken("2 accounts")])
        }
    }

    @Test func `bytes that are no UTF-8 are not taken, nor written over`() async throws {
        try await withTemporaryDirectory { directory in
            let file = AccountFile(path: directory + "/accounts")
            try write("alice:$6$a\n", file)
            #expect(file.current().comparison(for: "alice")?.hash == "$6$a")
            let latin = Data("# M".utf8) + [0xFC] + Data("ller\nalice:$6$new\n".utf8)
            try latin.write(to: URL(filePath: file.path))
            #expect(file.current().comparison(for: "alice")?.hash == "$6$a")
            #expect(throws: FileFault.self) { try file.change { $0[bob] = "$6$b" } }
            #expect(try Data(contentsOf: URL(filePath: file.path)) == latin)
        }
    }

    @Test func `a change that another program makes meanwhile is not lost`() async throws {
        try await withTemporaryDirectory { directory in
            let file = AccountFile(path: directory + "/accounts")
            try write("alice:$6$a\n", file)
            var tries = 0
            try file.change { accounts in
                tries += 1
                if tries == 1 { try write("# by an editor\nalice:$6$a\nbob:$6$b\n", file) }
                accounts[alice] = "$6$new"
            }
            #expect(tries == 2)
            #expect(try file.load().text == "# by an editor\nalice:$6$new\nbob:$6$b\n")
        }
    }

    @Test func `a link to the file stays one`() async throws {
        try await withTemporaryDirectory { directory in
            let real = AccountFile(path: directory + "/real")
            try write("alice:$6$a\n", real)
            let link = AccountFile(path: directory + "/accounts")
            #expect(symlink("real", link.path) == 0)
            try link.change { $0[bob] = "$6$b" }
            #expect(try real.load()[bob] == "$6$b")
        }
    }

    @Test func `what can't be read lets nobody in, and is not written over`() async throws {
        try await withTemporaryDirectory { directory in
            // A directory: even the superuser can't read one as a file.
            let file = AccountFile(path: directory)
            #expect(file.current().comparison(for: "alice") == nil)
            #expect(throws: FileFault.self) { try file.load() }
            #expect(throws: FileFault.self) { try file.change { $0[alice] = "$6$a" } }
        }
    }

    @Test(.enabled(if: geteuid() != 0, "the superuser reads everything"))
    func `a file that could not be read for a while is read when it can be`() async throws {
        try await withTemporaryDirectory { directory in
            let file = AccountFile(path: directory + "/accounts")
            try write("alice:$6$a\n", file)
            #expect(chmod(file.path, 0) == 0)
            #expect(file.current().comparison(for: "alice") == nil)
            #expect(chmod(file.path, 0o600) == 0)
            #expect(file.current().comparison(for: "alice")?.hash == "$6$a")
        }
    }

    @Test func `a change is seen, also one of the same size in the same instant`() async throws {
        try await withTemporaryDirectory { directory in
            let file = AccountFile(path: directory + "/accounts")
            for number in 0..<1_000 {
                let hash = "$6$\(1_000 + number)"
                try write("alice:\(hash)\n", file)
                try #require(file.current().comparison(for: "alice")?.hash == hash)
            }
        }
    }

    @Test func `a replacement is seen, also one of the same size in the same instant`() async throws {
        try await withTemporaryDirectory { directory in
            let file = AccountFile(path: directory + "/accounts")
            for number in 0..<100 {
                let hash = "$6$\(1_000 + number)"
                try file.change { $0[alice] = hash }
                try #require(file.current().comparison(for: "alice")?.hash == hash)
            }
        }
    }

    @Test func `a file that was put back with its old time is read again`() async throws {
        try await withTemporaryDirectory { directory in
            let file = AccountFile(path: directory + "/accounts")
            let past: [FileAttributeKey: Any] = [.modificationDate: Date(timeIntervalSince1970: 1_000_000_000)]
            for hash in ["$6$old", "$6$new"] {
                try write("alice:\(hash)\n", file)
                try FileManager.default.setAttributes(past, ofItemAtPath: file.path)
                #expect(file.current().comparison(for: "alice")?.hash == hash)
            }
        }
    }

    @Test func `changes at the same time all count, and nothing is left lying about`() async throws {
        try await withTemporaryDirectory { directory in
            let path = directory + "/accounts"
            try write("# team\n", AccountFile(path: path))
            try await withThrowingTaskGroup { group in
                for number in 0..<16 {
                    group.addTask {
                        try AccountFile(path: path).change { $0[.named("user\(number)")] = "$6$\(number)" }
                    }
                }
                try await group.waitForAll()
            }
            let accounts = try AccountFile(path: path).load()
            #expect(accounts.all.count == 16)
            #expect(accounts.text.hasPrefix("# team\n"))
            let left = try FileManager.default.contentsOfDirectory(atPath: directory).sorted()
            #expect(left == ["accounts", "accounts.lock"])
        }
    }

    @Test func `a file that was changed is its owner's alone`() async throws {
        try await withTemporaryDirectory { directory in
            let file = AccountFile(path: directory + "/accounts")
            try write("bob:$6$b\n", file)
            #expect(chmod(file.path, 0o644) == 0)
            try file.change { $0[alice] = "$6$a" }
            for path in [file.path, file.path + ".lock"] {
                let attributes = try FileManager.default.attributesOfItem(atPath: path)
                #expect(attributes[.posixPermissions] as? Int == 0o600)
            }
        }
    }

    @Test func `a change that fails leaves the file as it was`() async throws {
        struct Refused: Error {}
        try await withTemporaryDirectory { directory in
            let file = AccountFile(path: directory + "/accounts")
            try write("bob:$6$b\n", file)
            #expect(throws: Refused.self) {
                try file.change {
                    $0[bob] = nil
                    throw Refused()
                }
            }
            #expect(try file.load()[bob] == "$6$b")
        }
    }

    /// What was told of reading a file again.
    private final class News: Sendable {
        private let told = Mutex<[Rereading]>([])

        var all: [Rereading] { told.withLock { $0 } }

        @Sendable func report(_ news: Rereading) {
            told.withLock { $0.append(news) }
        }
    }

    private func write(_ text: String, _ file: AccountFile) throws {
        try Data(text.utf8).write(to: URL(filePath: file.path))
    }
}
