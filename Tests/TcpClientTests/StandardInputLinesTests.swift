// SPDX-License-Identifier: Apache-2.0

import Foundation
import NIOCore
import Testing

@testable import tcp_client

@Suite struct StandardInputLinesTests {
    @Test(arguments: [
        ("", []), ("a", ["a"]), ("a\n", ["a"]), ("a\nb", ["a", "b"]), ("a\r\n\r\nb\r\n", ["a", "", "b"]), ("\n", [""]),
        ("grüße 🐢\n", ["grüße 🐢"]), ("a\0b\n", ["a\0b"]),
    ])
    func `input is cut into lines`(text: String, lines: [String]) throws {
        #expect(try cut([Data(text.utf8)]) == lines.map { Array($0.utf8) })
    }

    @Test func `the pieces that the input comes in don't matter`() throws {
        let pieces = "one\r\ntwö\nthree".utf8.map { Data([$0]) }
        #expect(try cut(pieces) == ["one", "twö", "three"].map { Array($0.utf8) })
    }

    @Test func `what is no UTF-8 is not mended`() throws {
        #expect(try cut([Data([0xFF, 0x0A, 0xC3])]) == [[0xFF], [0xC3]])
    }

    @Test func `a long line is one line`() throws {
        let text = String(repeating: "x", count: 300_000)
        #expect(try cut([Data("\(text)\nend".utf8)]).map(\.count) == [300_000, 3])
    }

    private func cut(_ pieces: [Data]) throws -> [[UInt8]] {
        let pipe = Pipe()
        let writer = Thread {
            for piece in pieces { try? pipe.fileHandleForWriting.write(contentsOf: piece) }
            try? pipe.fileHandleForWriting.close()
        }
        writer.start()
        var input = StandardInputLines(descriptor: pipe.fileHandleForReading.fileDescriptor)
        var lines: [[UInt8]] = []
        while let line = input.next() { lines.append(Array(line.readableBytesView)) }
        return lines
    }
}
