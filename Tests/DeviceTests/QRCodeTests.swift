// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import device

@Suite struct QRCodeTests {
    @Test func `an id is a code with its three finders and a margin`() throws {
        let lines = try QRCode("1a2b3c4d-0000-8000-8000-000000000000").text.split(separator: "\n").map(String.init)
        let width = try #require(lines.first).count
        #expect(lines.allSatisfy { $0.count == width })
        #expect(lines.count == (width + 1) / 2)
        // Margin of two, then seven dark modules above a light one.
        let finder = "██ ▄▄▄▄▄ "
        #expect(lines[1].hasPrefix(finder))
        #expect(lines[1].hasSuffix(String(finder.reversed())))
    }
}
