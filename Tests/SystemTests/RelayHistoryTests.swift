// SPDX-License-Identifier: Apache-2.0

import MeshCore
import SwiftProtobuf
import TestSupport
import Testing

/// Pages of a log that only the store holds.
@Suite struct RelayHistoryTests {
    @Test func `a page lies where it was asked for, also when it is read from the store in parts`() async throws {
        try await withTemporaryDirectory { directory in
            let first = try await RunningRelay.start(in: directory)
            let writer = try await RawConnection(port: first.port, saying: Self.login)
            let text = String(repeating: "x", count: 3_000)
            for number in 1...100 {
                let publish = #"{"publish":{"clientMessageId":"\#(number)","text":"\#(number) \#(text)"}}"#
                try await writer.send(publish + "\n")
                // One by one, so that each is a row of its own.
                #expect(await writer.says(#""clientMessageId":"\#(number)","#))
            }
            first.process.kill()
            let second = try await RunningRelay.start(in: directory, accounts: [], ["--history", "1"])
            defer { second.process.kill() }
            let reader = try await RawConnection(port: second.port, saying: Self.login)
            #expect(try await Self.page(#""before":"0","limit":100"#, reader) == [96, 97, 98, 99, 100])
            #expect(try await Self.page(#""before":"50","limit":4"#, reader) == [46, 47, 48, 49])
            #expect(try await Self.page(#""after":"0","limit":2"#, reader) == [1, 2])
            #expect(try await Self.page(#""after":"60""#, reader) == [61, 62, 63, 64, 65])
            #expect(try await Self.page(#""after":"98""#, reader) == [99, 100])
            #expect(second.process.isRunning, "\(second.process.log)")
        }
    }

    private static let login = #"{"login":{"user":"alice","password":"pw-alice"}}"# + "\n"

    /// The numbers of the messages on the page that is asked for next.
    private static func page(_ edge: String, _ reader: RawConnection) async throws -> [UInt64] {
        let before = pages(reader).count
        try await reader.send(#"{"history":{\#(edge)}}"# + "\n")
        try #require(await eventually { pages(reader).count > before }, "\(reader.text.suffix(200))")
        return pages(reader).last?.messages.map(\.sequence) ?? []
    }

    private static func pages(_ reader: RawConnection) -> [WirePage] {
        reader.text.split(separator: "\n").filter { $0.hasPrefix(#"{"page""#) }.compactMap { line in
            try? WireRelayEvent(jsonString: String(line)).page
        }
    }
}
