// SPDX-License-Identifier: Apache-2.0

import MeshCore
import TestSupport
import Testing

@testable import tcp_client

@Suite struct KnownRelaysTests {
    private func key(_ number: UInt8) -> KeyFingerprint { KeyFingerprint(of: [number]) }

    @Test func `a relay is remembered at the first meeting and known afterwards`() async throws {
        try await withTemporaryDirectory { directory in
            let known = KnownRelays(in: try StateDirectory(path: directory))
            let relay = try #require(Endpoint("127.0.0.1:8081"))
            #expect(try known.judge(key(1), of: relay) == .new)
            #expect(try known.judge(key(1), of: relay) == .known)
            #expect(try KnownRelays(in: StateDirectory(path: directory)).judge(key(1), of: relay) == .known)
        }
    }

    @Test func `another key is refused, and the line that holds the old one named`() async throws {
        try await withTemporaryDirectory { directory in
            let known = KnownRelays(in: try StateDirectory(path: directory))
            let first = try #require(Endpoint("127.0.0.1:8081"))
            let second = try #require(Endpoint("127.0.0.1:808"))
            #expect(try known.judge(key(1), of: first) == .new)
            #expect(try known.judge(key(2), of: second) == .new)
            #expect(try known.judge(key(3), of: second) == .changed(line: 2))
            // What was refused is not remembered.
            #expect(try known.judge(key(3), of: second) == .changed(line: 2))
            #expect(try known.judge(key(2), of: second) == .known)
        }
    }

    @Test func `lines that are none are passed over`() async throws {
        try await withTemporaryDirectory { directory in
            let state = try StateDirectory(path: directory)
            try state.write("garbage\n\n127.0.0.1:8081\n127.0.0.1:8081 a b\n", to: "known_relays")
            let relay = try #require(Endpoint("127.0.0.1:8081"))
            #expect(try KnownRelays(in: state).judge(key(1), of: relay) == .new)
            #expect(try KnownRelays(in: state).judge(key(2), of: relay) == .changed(line: 5))
        }
    }
}
