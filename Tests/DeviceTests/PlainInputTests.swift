// SPDX-License-Identifier: Apache-2.0

import Foundation
import MeshCore
import Testing

@testable import device

@Suite struct PlainInputTests {
    @Test func `lines come as many as are there at once, and the last one without its end`() throws {
        let pipe = Pipe()
        var input = PlainInput(source: pipe.fileHandleForReading.fileDescriptor)
        try pipe.fileHandleForWriting.write(contentsOf: Data("one\r\ntwo\n\nthr".utf8))
        #expect(input.nextLines() == ["one", "two", ""])
        try pipe.fileHandleForWriting.write(contentsOf: Data("ee\nfour".utf8))
        #expect(input.nextLines() == ["three"])
        try pipe.fileHandleForWriting.close()
        #expect(input.nextLines() == ["four"])
        #expect(input.nextLines() == nil && input.nextLines() == nil)
    }

    @Test func `a line that is too long ends the input, after those before it`() throws {
        try withFile(String(repeating: "a line\n", count: 100_000) + String(repeating: "x", count: 200_000)) { input in
            var count = 0
            while let lines = input.nextLines() { count += lines.count }
            #expect(count == 100_000)
        }
    }

    @Test func `an input that does not block is waited for`() throws {
        let pipe = Pipe()
        let source = pipe.fileHandleForReading.fileDescriptor
        _ = fcntl(source, F_SETFL, O_NONBLOCK)
        let writer = Thread { try? pipe.fileHandleForWriting.write(contentsOf: Data("late\n".utf8)) }
        writer.start()
        var input = PlainInput(source: source)
        #expect(input.nextLines() == ["late"])
    }

    private func withFile(_ text: String, _ body: (inout PlainInput) throws -> Void) throws {
        let file = FileManager.default.temporaryDirectory.appending(path: "\(UUID())")
        try Data(text.utf8).write(to: file)
        defer { try? FileManager.default.removeItem(at: file) }
        let handle = try FileHandle(forReadingFrom: file)
        var input = PlainInput(source: handle.fileDescriptor)
        try body(&input)
        try handle.close()
    }
}
