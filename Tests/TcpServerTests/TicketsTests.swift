// SPDX-License-Identifier: Apache-2.0

import MeshCore
import MeshProgram
import TestSupport
import Testing

@testable import tcp_server

@Suite struct TicketsTests {
    private let alice = AccountName.named("alice")
    private let bob = AccountName.named("bob")

    @Test func `a ticket lets in its account's session, and no other`() throws {
        let tickets = Tickets()
        let ticket = try #require(tickets.issue(alice, session: "a", seal: tickets.seal(of: alice, hash: "hash")))
        let holder = { (user: String, session: String, hash: String?) in
            tickets.account(of: ticket.text, user: user, session: session) { _ in hash }
        }
        #expect(holder("alice", "a", "hash") == alice)
        #expect(holder("", "a", "hash") == alice)
        #expect(holder("bob", "a", "hash") == nil)
        #expect(holder("alice", "b", "hash") == nil)
        #expect(holder("alice", "a", "other password's hash") == nil)
        #expect(holder("alice", "a", nil) == nil)
        let others = Tickets()
        #expect(others.account(of: ticket.text, user: "alice", session: "a") { _ in "hash" } == nil)
    }

    @Test func `a ticket ends`() throws {
        let tickets = Tickets(life: 0)
        let ticket = try #require(tickets.issue(alice, session: "a", seal: tickets.seal(of: alice, hash: "hash")))
        #expect(tickets.account(of: ticket.text, user: "alice", session: "a") { _ in "hash" } == nil)
    }

    @Test func `what was revoked stays so after a restart, and what is issued then holds`() async throws {
        try await withTemporaryDirectory { path in
            let directory = try StateDirectory.chosen(path, program: "tcp_server")
            var tickets = try Tickets(life: 60, keptIn: directory)
            let issue = { (account: AccountName) in
                tickets.issue(account, session: "s", seal: tickets.seal(of: account, hash: "hash"))?.text
            }
            let (old, others) = try (#require(issue(alice)), #require(issue(bob)))
            try tickets.revoke(alice)
            try tickets.revoke(alice)
            let new = try #require(issue(alice))
            for _ in 1...2 {
                #expect(tickets.account(of: old, user: "", session: "s") { _ in "hash" } == nil)
                #expect(tickets.account(of: new, user: "", session: "s") { _ in "hash" } == alice)
                #expect(tickets.account(of: others, user: "", session: "s") { _ in "hash" } == bob)
                tickets = try Tickets(life: 60, keptIn: directory)
            }
        }
    }
}
