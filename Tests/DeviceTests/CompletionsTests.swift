// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import device

@Suite struct CompletionsTests {
    @Test(
        arguments: [
            ("pe", ["peers"]), ("un", ["unwatch"]), ("x", []), ("send k", ["kitchen"]),
            ("ping ", ["kitchen", "\"Ann's laptop\""]),
            ("send A", ["\"Ann's laptop\""]), ("send \"A", ["\"Ann's laptop\""]), ("send a", ["all"]),
            ("explain ki", ["kitchen"]),
            ("send kitchen h", []), ("get k", []),
        ] as [(String, [String])]
    )
    func `commands are completed, and the names of devices where one is due`(line: String, expected: [String]) {
        let completions = Completions()
        completions.offer(["kitchen", "Ann's laptop"])
        #expect(completions.candidates(for: line) == expected)
    }
}
