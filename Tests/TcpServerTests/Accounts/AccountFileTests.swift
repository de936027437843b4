// SPDX-License-Identifier: Apache-2.0

import Foundation
import MeshCore
import TestSupport
import Testing

@testable import tcp_server

@Suite struct AccountFileTests {
    private let alice = AccountName.named("alice")
    private let bob = AccountName.named("bob")

    @Test func `a missing file lets nobody in, until it is there`() async throws {
        try await withTemporaryDirectory { directory in
            let file = AccountFile(path: directory + "/accounts")
            #expect(file.current().comparison(for: "alice") == nil)
            try write("alice:$6$a\n", file)
            #expect(file.current().comparison(for: "alice")?.hash == "$6$a")
            try FileManager.default.removeItem(atPath: file.path)
            #expect(file.current().comparison(for: "alice") == nil)
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

    private func write(_ text: String, _ file: AccountFile) throws {
        try Data(text.utf8).write(to: URL(filePath: file.path))
    }
}
