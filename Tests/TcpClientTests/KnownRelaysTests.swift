// SPDX-License-Identifier: Apache-2.0

import Foundation
import MeshCore
import TestSupport
import Testing

@testable import tcp_client

@Suite struct KnownRelaysTests {
    private let first = KeyFingerprint(of: [1])
    private let second = KeyFingerprint(of: [2])

    @Test func `a relay is new once, then known, and never by another key`() async throws {
        try await withKnownRelays { (known: KnownRelays) async throws in
            let relay = try endpoint("relay.example.org:8081")
            #expect(try known.judge(first, of: relay) == .new)
            #expect(try known.judge(first, of: relay) == .known)
            #expect(try known.judge(second, of: relay) == .changed(line: 1))
            #expect(try known.judge(first, of: relay) == .known)
        }
    }

    @Test func `hosts and ports are told apart, however alike`() async throws {
        try await withKnownRelays { (known: KnownRelays) async throws in
            for text in ["a.org:80", "a.org:8", "a.or:80", "aa.org:80", "[::1]:80", "[::11]:80", "127.0.0.1:80"] {
                let judgement = try known.judge(first, of: endpoint(text))
                #expect(judgement == .new)
            }
            #expect(try known.judge(second, of: endpoint("aa.org:80")) == .changed(line: 4))
            #expect(try known.judge(second, of: endpoint("[::1]:80")) == .changed(line: 5))
        }
    }

    @Test func `what else stands in the file is passed over, and the right line named`() async throws {
        let text = "# mine\n\n\u{1}\u{2} garbage\nb.org:80\nc.org:80 \(first) of a friend\na.org:80 \(first)\n"
        try await withKnownRelays(text) { (known: KnownRelays) async throws in
            #expect(try known.judge(first, of: endpoint("a.org:80")) == .known)
            #expect(try known.judge(second, of: endpoint("a.org:80")) == .changed(line: 6))
            #expect(try known.judge(first, of: endpoint("c.org:80")) == .known)
            #expect(try known.judge(second, of: endpoint("c.org:80")) == .changed(line: 5))
        }
    }

    @Test(arguments: ["a.org:80", "a.org:80 ", "a.org:80 SHA256:", "a.org:80 SHA256:AAAA", "a.org:80 \u{0}"])
    func `a relay whose key is not legible is not taken for a new one`(line: String) async throws {
        try await withKnownRelays(line + "\n") { (known: KnownRelays) async throws in
            #expect(try known.judge(first, of: endpoint("a.org:80")) == .changed(line: 1))
        }
    }

    @Test func `a last line without an end is not run together with the next`() async throws {
        try await withKnownRelays("a.org:80 \(first)") { (known: KnownRelays) async throws in
            #expect(try known.judge(first, of: endpoint("b.org:80")) == .new)
            #expect(try known.judge(second, of: endpoint("a.org:80")) == .changed(line: 1))
            #expect(try known.judge(second, of: endpoint("b.org:80")) == .changed(line: 2))
        }
    }

    @Test func `lines may end as on Windows`() async throws {
        let text = "# mine\r\na.org:80 \(first)\r\nb.org:80 \(first)\r\n"
        try await withKnownRelays(text) { (known: KnownRelays) async throws in
            #expect(try known.judge(first, of: endpoint("a.org:80")) == .known)
            #expect(try known.judge(second, of: endpoint("b.org:80")) == .changed(line: 3))
        }
    }

    @Test func `clients that meet relays at the same time all remember theirs`() async throws {
        try await withKnownRelays { (known: KnownRelays) async throws in
            try await withThrowingTaskGroup { group in
                for port in 1...50 {
                    group.addTask { _ = try known.judge(first, of: endpoint("a.org:\(port)")) }
                }
                try await group.waitForAll()
            }
            let judgements = try (1...50).map { try known.judge(first, of: endpoint("a.org:\($0)")) }
            #expect(judgements.allSatisfy { $0 == .known })
        }
    }

    @Test func `where nothing can be remembered, nobody is trusted`() async throws {
        try await withTemporaryDirectory { directory in
            try FileManager.default.createDirectory(
                atPath: directory + "/known_relays",
                withIntermediateDirectories: false
            )
            let known = KnownRelays(in: try StateDirectory(path: directory))
            #expect(throws: FileFault.self) { try known.judge(first, of: endpoint("a.org:80")) }
        }
    }

    private func endpoint(_ text: String) throws -> Endpoint { try #require(Endpoint(text)) }

    private func withKnownRelays(_ text: String? = nil, _ body: (KnownRelays) async throws -> Void) async throws {
        try await withTemporaryDirectory { directory in
            let known = KnownRelays(in: try StateDirectory(path: directory))
            if let text { try Data(text.utf8).write(to: URL(filePath: known.path)) }
            try await body(known)
        }
    }
}
