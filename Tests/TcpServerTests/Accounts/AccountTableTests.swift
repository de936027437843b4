// SPDX-License-Identifier: Apache-2.0

import MeshCore
import TestSupport
import Testing

@testable import tcp_server

@Suite struct AccountTableTests {
    private let table = AccountTable(
        Accounts(parsing: "alice:$6$a\nbob:$y$b\nlocked:!$6$c\nold:$1$d\nempty:\n")
    )

    @Test func `a login is compared with the hash of its account`() {
        #expect(table.comparison(for: "alice") == .init(hash: "$6$a", name: .named("alice")))
        #expect(table.comparison(for: "bob") == .init(hash: "$y$b", name: .named("bob")))
    }

    @Test(arguments: ["mallory", "", "[alice]", "locked", "old", "empty", "alice\0"])
    func `who can't log in is compared with somebody's hash, always the same one, and stays nobody`(
        user: String
    ) throws {
        let comparison = try #require(table.comparison(for: user))
        #expect(["$6$a", "$y$b"].contains(comparison.hash))
        #expect(comparison.name == nil)
        #expect(table.comparison(for: user) == comparison)
    }

    @Test func `where methods differ, unknown names take as long as either`() {
        let hashes = Set((0..<64).compactMap { table.comparison(for: "unknown\($0)")?.hash })
        #expect(hashes == ["$6$a", "$y$b"])
    }

    @Test func `where nobody can log in there is nothing to compare with`() {
        #expect(AccountTable().comparison(for: "alice") == nil)
        #expect(AccountTable(Accounts(parsing: "alice:*\n")).comparison(for: "alice") == nil)
    }

    @Test(arguments: ["", "nul\0", String(repeating: "p", count: 512)])
    func `what can be no password takes as long as one that is wrong`(password: String) throws {
        // bcrypt with 2^10 rounds; without the hashing it would take some microseconds.
        let hash = "$2b$10$PymFLPMQfBEbDLOeMs7ZfeC1vgzzxmbVqUVZQkq/DZmWFjgKpaPfG"
        let clock = ContinuousClock()
        let wrong = clock.measure { #expect(!PasswordHash.matches("wrong", hash)) }
        let impossible = clock.measure { #expect(!PasswordHash.matches(password, hash)) }
        #expect(impossible > wrong / 20)
    }
}
