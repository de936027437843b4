// SPDX-License-Identifier: Apache-2.0

import Testing

@Suite struct CodeScannerTests {
    @Test(arguments: [
        ("let a = 1", "let a = 1"),
        ("a // b\nc", "a \nc"),
        ("a /* b /* c\n */ d */ e", "a \n e"),
        ("a /* b", "a "),
        ("f(\"a // b\")", "f(\"\")"),
        ("\"a\\\"b\" c", "\"\" c"),
        ("\"a\\(b + c(d))e\" f", "\"\"b + c(d)  f"),
        ("\"\\(a[\"b\"])\" c", "\"\"a[\"\"]  c"),
        ("#\"a\" \\(b) \\#(c)\"# d", "\"\"c  d"),
        ("\"\"\"\na \"b\" c\n\"\"\" d", "\"\"\n\n d"),
        ("\"a\nb", "\"\"\nb"),
        ("#if a\n#endif", "#if a\n#endif"),
        ("\"a\\", "\"\""),
    ])
    func `what is no comment and no string stays`(text: String, code: String) {
        // Which blanks stand where a string was does not matter.
        #expect(CodeScanner.code(of: text).filter { $0 != " " } == code.filter { $0 != " " })
    }
}
