// SPDX-License-Identifier: Apache-2.0

import MeshCore
import Testing

@Suite struct TextTests {
    @Test(arguments: ["a", "tab\tand\nnewline", "żółć 漢字 🇵🇱 e\u{301}", "\u{A0}", "\u{202E}abc"])
    func `text of any script passes`(text: String) throws {
        try text.checkText(limit: 100)
    }

    @Test func `each control character but tab and newline is refused`() {
        for value in UInt32(0)...0x9F where value < 0x20 || value >= 0x7F {
            guard let scalar = Unicode.Scalar(value), scalar != "\t", scalar != "\n" else { continue }
            #expect(throws: TextFault.controlCharacter) { try "a\(Character(scalar))b".checkText(limit: 100) }
        }
    }

    @Test func `empty and long texts are refused`() {
        #expect(throws: TextFault.empty) { try "".checkText(limit: 100) }
        #expect(throws: TextFault.tooLong(limit: 4)) { try "12345".checkText(limit: 4) }
        #expect(throws: Never.self) { try "1234".checkText(limit: 4) }
    }

    @Test func `what could steer a terminal is shown instead`() {
        #expect("a\u{1B}[31m\u{9B}\u{202E}\r\n\tb".printable == "a\\u{1B}[31m\\u{9B}\\u{202E}\\u{D}\\u{A}\\u{9}b")
        #expect("a\tb\u{7}".printableLine == "a\tb\\u{7}")
        #expect("żółć 🇵🇱".printable == "żółć 🇵🇱")
    }
}
