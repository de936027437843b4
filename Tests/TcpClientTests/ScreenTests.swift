// SPDX-License-Identifier: Apache-2.0

import MeshCore
import MeshProgram
import SwiftProtobuf
import TestSupport
import Testing

@testable import tcp_client

@Suite struct ScreenTests {
    private let screen = Screen(format: .text, style: TerminalStyle(isColoured: false), editor: nil)

    @Test func `a message is its sender and its text`() {
        #expect(words(from: "alice", "hello") == "[alice]: hello")
    }

    @Test func `each line of a text bears its sender's name`() {
        #expect(words(from: "alice", "one\n[bob]: two\n") == "[alice]: one\n[alice]: [bob]: two\n[alice]: ")
    }

    @Test func `nothing that others say can steer the terminal`() {
        let shown = #"[alice]: \u{1B}[2J"# + "\t" + #"red\u{D}\u{9B}31m\u{7}"#
        #expect(words(from: "alice", "\u{1B}[2J\tred\r\u{9B}31m\u{7}") == shown)
        #expect(words(from: "al\u{1B}ice\n", "x") == #"[al\u{1B}ice\u{A}]: x"#)
        #expect(words(from: "alice", "\u{202E}txt.exe\u{2028}") == #"[alice]: \u{202E}txt.exe\u{2028}"#)
    }

    @Test func `a name is coloured without its colour reaching further`() {
        let coloured = Screen(format: .text, style: TerminalStyle(isColoured: true), editor: nil)
        let words = coloured.words(for: .message(message(from: "alice", "hi"), isHistory: false))
        #expect(words?.hasPrefix("[\u{1B}[1;3") == true)
        #expect(words?.hasSuffix("malice\u{1B}[0m]: hi") == true)
    }

    @Test func `the texts that failed are counted`() {
        screen.show(.failed(text: "\u{1B}", because: "it has control characters"))
        screen.show(.failed(text: "", because: "it is empty"))
        #expect(screen.failedTexts == 2)
    }

    private func words(from sender: String, _ text: String) -> String? {
        screen.words(for: .message(message(from: sender, text), isHistory: false))
    }

    private func message(from sender: String, _ text: String) -> WireMessage {
        .with { ($0.sender, $0.text) = (sender, text) }
    }
}
