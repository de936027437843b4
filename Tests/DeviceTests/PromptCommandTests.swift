// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

@testable import device

@Suite struct PromptCommandTests {
    @Test(
        arguments: [
            ("", .nothing), ("   ", .nothing), ("devices", .agent(.devices)), (" peers ", .agent(.peers)),
            ("master", .agent(.master)),
            ("help", .help),
            ("exit", .exit),
            ("send kitchen hello  there ", .agent(.send(to: "kitchen", text: "hello  there"))),
            ("send \"Ann's laptop\" hi", .agent(.send(to: "Ann's laptop", text: "hi"))),
            ("send \"half hi", .agent(.send(to: "\"half", text: "hi"))),
            ("ping 1a2b3c4d", .agent(.ping("1a2b3c4d"))), ("ping \"a b\"", .agent(.ping("a b"))),
            ("set a b  c ", .agent(.set(key: "a", value: Data("b  c".utf8)))), ("get a", .agent(.get("a"))),
            ("del a", .agent(.delete("a"))), ("keys", .agent(.keys(prefix: "", after: nil))),
            ("keys a/", .agent(.keys(prefix: "a/", after: nil))), ("watch", .agent(.watch(""))),
            ("watch a/", .agent(.watch("a/"))), ("unwatch", .unwatch),
        ] as [(String, PromptCommand)]
    )
    func `a line is a word and what it needs`(line: String, command: PromptCommand) throws {
        #expect(try PromptCommand(line) == command)
    }

    @Test(
        arguments: [
            ("frob", .unknown("frob")), ("send", .incomplete("send <name, id or all> <text>")),
            ("send kitchen", .incomplete("send <name, id or all> <text>")), ("ping", .incomplete("ping <name or id>")),
            ("send \"\" x", .incomplete("send <name, id or all> <text>")), ("set a", .incomplete("set <key> <value>")),
            ("get", .incomplete("get <key>")), ("del", .incomplete("del <key>")),
        ] as [(String, PromptFault)]
    )
    func `what is no command is told`(line: String, fault: PromptFault) {
        #expect(throws: fault) { try PromptCommand(line) }
    }

    @Test func `an unknown command is shown without what steers terminals, and with what there is`() {
        #expect("\(PromptFault.unknown("\u{1B}[2J"))".hasPrefix("there is no command '\\u{1B}[2J': there are devices"))
    }
}
