// SPDX-License-Identifier: Apache-2.0

import MeshCore
import TestSupport
import Testing

@testable import tcp_server

@Suite struct AccountsTests {
    private let text = """
        # The team
        alice:$6$a
        no account here

        bob:$6$b:with:colons
        alice:$6$second

        """

    @Test func `a line is a name, a colon and a hash`() {
        let accounts = Accounts(parsing: text)
        #expect(accounts.all.map(\.name) == [.named("alice"), .named("bob")])
        #expect(accounts[.named("bob")] == "$6$b:with:colons")
        #expect(accounts[.named("carol")] == nil)
    }

    @Test func `of two lines for one name the first counts`() {
        #expect(Accounts(parsing: text)[.named("alice")] == "$6$a")
    }

    @Test func `the text that was read is written again`() {
        #expect(Accounts(parsing: text).text == text)
        #expect(Accounts(parsing: "").text.isEmpty)
        #expect(Accounts().text.isEmpty)
    }

    @Test func `a last line without an end gets one`() {
        #expect(Accounts(parsing: "alice:$6$a").text == "alice:$6$a\n")
    }

    @Test func `lines may end as on Windows`() {
        let accounts = Accounts(parsing: "# team\r\nalice:$6$a\r\nbob:$6$b\r\n")
        #expect(accounts.all.map(\.hash) == ["$6$a", "$6$b"])
        #expect(accounts.text == "# team\nalice:$6$a\nbob:$6$b\n")
    }

    @Test func `a change leaves comments and the other lines where they are`() {
        var accounts = Accounts(parsing: text)
        accounts[.named("bob")] = "$6$new"
        accounts[.named("carol")] = "$6$c"
        #expect(
            accounts.text == """
                # The team
                alice:$6$a
                no account here

                bob:$6$new
                alice:$6$second
                carol:$6$c

                """
        )
    }

    @Test func `an account that is removed does not come back under its second line`() {
        var accounts = Accounts(parsing: text)
        accounts[.named("alice")] = nil
        #expect(Accounts(parsing: accounts.text)[.named("alice")] == nil)
    }

    @Test func `lines that are neither accounts nor comments are told by their numbers`() {
        #expect(Accounts(parsing: text).unreadableLines.map(\.number) == [3, 6])
        #expect(Accounts(parsing: "# a\n\n").unreadableLines.isEmpty)
    }

    @Test(arguments: ["alice", ":$6$a", "al ice:$6$a", " alice:$6$a", "al\u{202E}ice:$6$a", "a[b]:$6$a", "\0:$6$a"])
    func `a malformed line is no account`(line: String) {
        #expect(Accounts(parsing: line + "\nbob:$6$b\n").all.map(\.name) == [.named("bob")])
    }

    @Test func `a name that a comment begins with is no account`() {
        #expect(Accounts(parsing: "#alice:$6$a\n").all.isEmpty)
    }
}
