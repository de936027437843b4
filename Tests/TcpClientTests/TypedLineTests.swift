// SPDX-License-Identifier: Apache-2.0

import MeshCore
import TestSupport
import Testing

@testable import tcp_client

@Suite struct TypedLineTests {
    @Test(arguments: [
        ("hello", TypedLine.command(.say("hello"))),
        ("  hello /join  ", .command(.say("hello /join"))),
        ("//join dev", .command(.say("/join dev"))),
        ("///", .command(.say("//"))),
        ("/leave", .command(.leave(nil))),
        (" /who\t", .command(.who(nil))),
        ("/msg alice  hello there ", .command(.tell(.named("alice"), "hello there"))),
        ("/msg @alice //x", .command(.tell(.named("alice"), "//x"))),
        ("/history", .command(.history(limit: 20))),
        ("/history 7", .command(.history(limit: 7))),
        ("/help", .help),
        ("exit", .exit),
        ("   ", .nothing),
    ])
    func `a line is a text or a command`(line: String, meaning: TypedLine) throws {
        #expect(try TypedLine(line) == meaning)
    }

    @Test func `a room may be named with its sign, and a person stands for what is for them alone`() throws {
        let dev = try #require(RoomName("dev"))
        #expect(try TypedLine("/join dev") == .command(.join(dev)))
        #expect(try TypedLine("/join  #dev") == .command(.join(dev)))
        #expect(try TypedLine("/leave dev") == .command(.leave(dev)))
        #expect(try TypedLine("/who #dev") == .command(.who(dev)))
        #expect(try TypedLine("/join @bob") == .command(.join(.inbox(of: .named("bob")))))
    }

    @Test(arguments: ["/jion dev", "/", "/ join dev", "/Join dev", "/help me", "/usr/bin/env", "/\u{1B}[2J"])
    func `what is no command is not sent to others`(line: String) {
        let fault = #expect(throws: TypedLineFault.self) { try TypedLine(line) }
        let words = fault.map { "\($0)" } ?? ""
        #expect(words.contains("is no command: /help lists them"))
        #expect(words.printable == words)
    }

    @Test(arguments: [
        "/join", "/join Dev", "/join two words", "/join @", "/join #", "/join ä", "/leave a b", "/who \u{7}", "/msg",
        "/msg alice", "/msg al\u{1B} hello", "/history x", "/history 0", "/history 101",
        "/history 9999999999999999999999",
    ])
    func `a command with the wrong words says how it is used`(line: String) {
        let fault = #expect(throws: TypedLineFault.self) { try TypedLine(line) }
        let words = fault.map { "\($0)" } ?? ""
        #expect(words.contains("it is used so: /") || words.contains("can't be a name: "))
        #expect(words.printable == words)
    }

    @Test func `the help names each command`() {
        for command in ["/join", "/leave", "/who", "/msg", "/history", "/help", "//", "exit"] {
            #expect(TypedLine.explanation.contains("\n\(command)") || TypedLine.explanation.hasPrefix(command))
        }
    }
}
