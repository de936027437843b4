// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

@testable import MeshProgram

@Suite(.serialized) struct MemoryReturnTests {
    @Test func `what is freed and lies about is given back`() throws {
        // Each second page stays in use, so that the allocator gives back nothing by itself.
        var pages = (0..<40_000).map { _ in UnsafeMutableRawPointer.allocate(byteCount: 4_000, alignment: 16) }
        for page in pages { page.initializeMemory(as: UInt8.self, repeating: 1, count: 4_000) }
        for page in pages.enumerated() where page.offset % 8 != 0 { page.element.deallocate() }
        pages = pages.enumerated().filter { $0.offset % 8 == 0 }.map(\.element)
        defer { for page in pages { page.deallocate() } }
        let before = try kibibytes("RssAnon")
        MemoryReturn(of: .heap).giveBack()
        #expect(try kibibytes("RssAnon") < before - 40_000)
    }

    @Test func `the program's text is given back, and comes again when it is used`() throws {
        // Tests are seldom traced.
        let before = try kibibytes("RssFile")
        MemoryReturn(of: .heapAndProgram).giveBack()
        #expect(try kibibytes("RssFile") < before)
        #expect("\(Date(timeIntervalSince1970: 0).formatted(.iso8601))" == "1970-01-01T00:00:00Z")
    }

    private func kibibytes(_ name: String) throws -> Int {
        let status = try String(contentsOfFile: "/proc/self/status", encoding: .utf8)
        let line = try #require(status.split(separator: "\n").first { $0.hasPrefix("\(name):") })
        return try #require(line.split(whereSeparator: \.isWhitespace).dropFirst().first.flatMap { Int($0) })
    }
}
