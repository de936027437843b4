// SPDX-License-Identifier: Apache-2.0

import MeshCore
import Testing

@Suite struct AccountNameTests {
    @Test(arguments: ["a", "alice", "alice.b-c_d+e@example.org", "Żółć", "用户", "a1"])
    func `letters, digits and a few signs make a name`(text: String) {
        #expect(AccountName(text)?.description == text)
    }

    @Test(arguments: [
        "", " ", "a b", "a:b", "a\n", "[a]", "a]", "\u{1B}[31m", "a/b", "#a", "a\u{202E}", "a\u{0}",
        String(repeating: "a", count: 65),
    ])
    func `anything else is no name`(text: String) {
        #expect(AccountName(text) == nil)
    }
}
