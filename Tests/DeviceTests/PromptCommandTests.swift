// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import device

@Suite struct PromptCommandTests {
    @Test(
        arguments: [
            ("", .nothing), ("   ", .nothing), ("devices", .devices), (" peers ", .peers), ("help", .help),
            ("exit", .exit),
            ("send kitchen hello  there ", .send(to: "kitchen", text: "hello  there")),
            ("send \"Ann's laptop\" hi", .send(to: "Ann's laptop", text: "hi")),
            ("send \"half hi", .send(to: "\"half", text: "hi")),
            ("ping 1a2b3c4d", .ping("1a2b3c4d")), ("ping \"a b\"", .ping("a b")),
        ] as [(String, PromptCommand)]
    )
    func `a line is a word and what it needs`(line: String, command: PromptCommand) throws {
        #expect(try PromptCommand(line) == command)
    }

    @Test(
        arguments: [
            ("frob", .unknown("frob")), ("send", .incomplete("send <name, id or all> <text>")),
            ("send kitchen", .incomplete("send <name, id or all> <text>")), ("ping", .incomplete("ping <name or id>")),
            ("send \"\" x", .incomplete("send <name, id or all> <text>")),
        ] as [(String, PromptFault)]
    )
    func `what is no command is told`(line: String, fault: PromptFault) {
        #expect(throws: fault) { try PromptCommand(line) }
    }

    @Test func `an unknown command is shown without what steers terminals, and with what there is`() {
        #expect("\(PromptFault.unknown("\u{1B}[2J"))".hasPrefix("there is no command '\\u{1B}[2J': there are devices"))
    }
}
