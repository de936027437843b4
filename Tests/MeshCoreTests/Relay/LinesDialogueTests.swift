// SPDX-License-Identifier: Apache-2.0

import MeshCore
import NIOCore
import SwiftProtobuf
import Testing

@Suite struct LinesDialogueTests {
    private func line(_ text: String) -> ByteBuffer { ByteBuffer(string: text) }

    private func login(_ user: String, _ password: String) -> LinesDialogue.Action {
        .request(.login(.with { ($0.user, $0.password) = (user, password) }))
    }

    @Test func `a login goes as the earlier clients know it`() {
        var dialogue = LinesDialogue()
        #expect(dialogue.opened() == [.write("Enter username: ")])
        #expect(dialogue.received(line("  alice ")) == [.write("Enter password: ")])
        #expect(dialogue.received(line("wrong")) == [login("alice", "wrong")])
        let wrong = RelayEvent.refused(.with { $0.reason = .invalidCredentials })
        #expect(dialogue.answered(wrong) == [.write("Invalid credentials. Please try again.\nEnter username: ")])
        #expect(dialogue.received(line("alice")) == [.write("Enter password: ")])
        #expect(dialogue.received(line("right")) == [login("alice", "right")])
        #expect(
            dialogue.answered(.welcome(.with { $0.user = "alice" })) == [.write("Welcome, alice!\nMessage history:\n")]
        )
        #expect(dialogue.received(line(" hello there ")) == [.request(.publish(.with { $0.text = "hello there" }))])
        #expect(dialogue.received(line("exit")) == [.request(.bye(WireBye()))])
    }

    @Test func `an account that is there already is told so, and asked again`() {
        var dialogue = LinesDialogue()
        _ = dialogue.opened() + dialogue.received(line("a")) + dialogue.received(line("b"))
        #expect(
            dialogue.answered(.refused(.with { $0.reason = .tooManyClients })) == [
                .write("This username is already logged in. Please use a different username.\nEnter username: ")
            ]
        )
    }

    @Test func `a password keeps its spaces`() {
        var dialogue = LinesDialogue()
        _ = dialogue.opened() + dialogue.received(line("alice"))
        #expect(dialogue.received(line(" a b ")) == [login("alice", " a b ")])
    }

    @Test func `empty lines say nothing, and bytes that are no UTF-8 are refused`() {
        var dialogue = LinesDialogue()
        _ = dialogue.opened() + dialogue.received(line("a")) + dialogue.received(line("b"))
        _ = dialogue.answered(.welcome(WireWelcome()))
        #expect(dialogue.received(line("")) == [])
        #expect(dialogue.received(line(" \t ")) == [])
        #expect(
            dialogue.received(ByteBuffer(bytes: [0xFF, 0xFE])) == [.write("Message refused: it is not UTF-8\n")]
        )
    }

    @Test func `a name that is no UTF-8 gets the password's prompt like any other`() {
        var dialogue = LinesDialogue()
        _ = dialogue.opened()
        #expect(dialogue.received(ByteBuffer(bytes: [0xFF])) == [.write("Enter password: ")])
        #expect(dialogue.received(line("x")) == [login("", "x")])
    }

    @Test func `a line break in a text can't forge somebody else's line`() {
        let event = RelayEvent.message(.with { ($0.sender, $0.text) = ("eve", "hi\n[bob]: I owe you") })
        #expect(event.linesForm == "[eve]: hi\n[eve]: [bob]: I owe you\n")
    }

    @Test func `a gap names the first and the last message`() {
        #expect(
            RelayEvent.gap(.with { ($0.first, $0.last) = (3, 9) }).linesForm
                == "Gap: messages 3 to 9 are no longer here.\n"
        )
    }
}
