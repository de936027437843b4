// SPDX-License-Identifier: Apache-2.0

import MeshCore
import MeshProgram
import SwiftProtobuf
import Testing

@testable import tcp_client

@Suite struct WordingTests {
    private let wording = Wording(style: TerminalStyle(isColoured: false))

    @Test func `a message is its sender and its text`() {
        #expect(words(from: "alice", "hello") == "[alice]: hello")
    }

    @Test func `it says in which room it was said, and what is for one person alone`() {
        #expect(words(from: "alice", "hello", in: "lobby") == "[alice]: hello")
        #expect(words(from: "alice", "one\ntwo", in: "dev") == "#dev [alice]: one\n#dev [alice]: two")
        #expect(words(from: "alice", "hello", in: "@bob") == "[alice, to you]: hello")
    }

    @Test func `bytes are counted, not shown`() {
        let message = WireMessage.with { ($0.sender, $0.data) = ("alice", .init([1, 2, 3])) }
        #expect(wording.words(for: message) == "[alice]: (3 bytes that are no text)")
    }

    @Test func `each line of a text bears its sender's name`() {
        #expect(words(from: "alice", "one\n[bob]: two\n") == "[alice]: one\n[alice]: [bob]: two\n[alice]: ")
    }

    @Test func `nothing that others say can steer the terminal`() {
        let shown = #"[alice]: \u{1B}[2J"# + "\t" + #"red\u{D}\u{9B}31m\u{7}"#
        #expect(words(from: "alice", "\u{1B}[2J\tred\r\u{9B}31m\u{7}") == shown)
        #expect(words(from: "al\u{1B}ice\n", "x") == #"[al\u{1B}ice\u{A}]: x"#)
        #expect(words(from: "alice", "\u{202E}txt.exe\u{2028}") == #"[alice]: \u{202E}txt.exe\u{2028}"#)
        #expect(words(from: "alice", "x", in: "de\u{1B}v\n") == #"#de\u{1B}v\u{A} [alice]: x"#)
    }

    @Test func `nor can the relay, whatever it calls people and rooms`() {
        let evil = "\u{1B}]0;x\u{7}\n\u{202E}"
        let page = WirePage.with { $0.room = evil }
        let told = [
            wording.words(for: .with { ($0.room, $0.users) = (evil, [evil]) } as WirePeople),
            wording.words(for: .with { ($0.room, $0.joined, $0.left) = (evil, [evil], [evil]) } as WirePresence),
            wording.words(for: .with { $0.room = evil } as WireGap),
            wording.words(for: page),
            wording.words(for: .publish(.with { $0.text = evil }), failedBecause: "no"),
            wording.words(for: .join(.with { $0.room = evil }), failedBecause: "no"),
            Wording.place("@" + evil),
        ]
        for words in told {
            #expect(words.contains(#"\u{1B}]0;x\u{7}\u{A}\u{202E}"#))
            #expect(words.printable == words)
        }
    }

    @Test func `a name is coloured without its colour reaching further`() {
        let words = Wording(style: TerminalStyle(isColoured: true)).words(for: message(from: "alice", "hi", in: "dev"))
        #expect(words.hasPrefix("#dev [\u{1B}[1;3"))
        #expect(words.hasSuffix("malice\u{1B}[0m]: hi"))
    }

    @Test func `a gap names the first and the last`() {
        let gap = WireGap.with { ($0.room, $0.first, $0.last) = ("dev", 3, 17) }
        #expect(wording.words(for: gap) == "* Messages 3 to 17 of #dev are no longer to be had.")
        let one = WireGap.with { ($0.room, $0.first, $0.last) = ("lobby", 3, 3) }
        #expect(wording.words(for: one) == "* Message 3 of the lobby is no longer to be had.")
        let alone = WireGap.with { ($0.room, $0.first, $0.last) = ("@bob", 3, 4) }
        #expect(wording.words(for: alone) == "* Messages 3 to 4 of what was said to you alone are no longer to be had.")
    }

    @Test func `a page has the time of each message, and says whether there is more`() {
        var page = WirePage.with {
            $0.room = "dev"
            $0.messages = [message(from: "alice", "one", in: "dev"), message(from: "bob", "a\nb", in: "dev")]
        }
        let lines = wording.words(for: page).split(separator: "\n")
        let time = #/\d{4}-\d\d-\d\d \d\d:\d\d /#
        #expect(lines.dropLast().allSatisfy { $0.prefixMatch(of: time) != nil })
        let told = lines.dropLast().map { String($0.trimmingPrefix(time)) }
        #expect(told == ["#dev [alice]: one", "#dev [bob]: a", "#dev [bob]: b"])
        #expect(lines.last == "* There is nothing older of #dev.")
        page.more = true
        #expect(wording.words(for: page).hasSuffix("\n* There is more: /history"))
    }

    @Test func `who is there, who came and who went is told in a line, however many`() {
        let people = WirePeople.with { ($0.room, $0.users, $0.omitted) = ("lobby", ["alice", "bob"], 7) }
        #expect(wording.words(for: people) == "* In the lobby: alice, bob and 7 more.")
        #expect(wording.words(for: .with { $0.room = "dev" } as WirePeople) == "* In #dev: nobody.")
        let changes = WirePresence.with {
            ($0.room, $0.joined, $0.left) = ("dev", ["alice"], (1...100).map { "c\($0)" })
        }
        #expect(wording.words(for: changes) == "* alice joined #dev. c1, c2, c3, c4, c5 and 95 more left #dev.")
        let lobby = WirePresence.with { ($0.room, $0.left) = ("lobby", ["alice", "bob"]) }
        #expect(wording.words(for: lobby) == "* alice, bob left.")
    }

    @Test func `the prompt says where one talks`() {
        let prompts = [RoomName.lobby, RoomName("dev"), RoomName("@bob")].compactMap(\.self).map(Wording.prompt)
        #expect(prompts == ["> ", "> #dev: ", "> @bob: "])
    }

    private func words(from sender: String, _ text: String, in room: String = "") -> String {
        wording.words(for: message(from: sender, text, in: room))
    }

    private func message(from sender: String, _ text: String, in room: String) -> WireMessage {
        .with { ($0.sender, $0.text, $0.room) = (sender, text, room) }
    }
}
