// SPDX-License-Identifier: Apache-2.0

import MeshProgram
import NIOCore
import Testing

@Suite struct TimeSpanTests {
    @Test(arguments: [
        ("0s", TimeAmount.zero), ("500ms", .milliseconds(500)), ("60s", .seconds(60)), ("5m", .minutes(5)),
        ("24h", .hours(24)), ("7d", .hours(168)), ("007s", .seconds(7)), ("106751d", .hours(106_751 * 24)),
    ])
    func `a number and a unit are a time`(text: String, amount: TimeAmount) {
        #expect(TimeSpan(argument: text)?.amount == amount)
    }

    @Test(arguments: [
        "", "5", "s", "5 s", " 5s", "-5s", "+5s", "5S", "5min", "1.5s", "5s5s", "٥s", "106752d",
        "9223372036854775808ms", "99999999999999999999s", "5s\0",
    ])
    func `anything else is none`(text: String) {
        #expect(TimeSpan(argument: text) == nil)
    }

    @Test(arguments: ["500ms", "1s", "90s", "5m", "24h", "7d", "1001ms"])
    func `its text is the shortest that means the same`(text: String) throws {
        let span = try #require(TimeSpan(argument: text))
        #expect(TimeSpan(argument: span.description)?.amount == span.amount)
        #expect(span.description.utf8.count <= text.utf8.count)
    }
}
