// SPDX-License-Identifier: Apache-2.0

import MeshCore
import NIOCore
import Testing

@testable import device

@Suite struct WordingTests {
    private let id: DeviceID
    private let endpoint: Endpoint

    init() throws {
        id = try #require(DeviceID("1a2b3c4d-0000-8000-8000-000000000000"))
        endpoint = try #require(Endpoint("127.0.0.1:9001"))
    }

    @Test func `news are lines for people`() {
        let news: [(PeerNews, String)] = [
            (.found(id, name: "kitchen", at: [endpoint]), "* found kitchen (1a2b3c4d) at 127.0.0.1:9001"),
            (
                .connected(id, name: "kitchen", connection: 1),
                "* connected to kitchen (1a2b3c4d), 127.0.0.1:9001, TLS 1.3, id proven"
            ),
            (
                .lost(id, name: "kitchen", .silent(.seconds(15)), dialingAgainIn: .milliseconds(1_234)),
                "* lost kitchen (1a2b3c4d): silent for 15 s; dialing again in 1.2 s"
            ),
            (.lost(id, name: "kitchen", .goodbye(.leaving), dialingAgainIn: .seconds(1)), "* kitchen (1a2b3c4d) left"),
            (.gone(id, name: "a\u{1B}b"), "* a\\u{1B}b (1a2b3c4d) is no longer listed"),
        ]
        for (news, line) in news { #expect(Wording.news(news) { _ in endpoint.description } == line) }
    }

    @Test func `no line of a text passes for somebody else's`() {
        #expect(Wording.text("a\n* lost b\u{202E}\tc", from: "k\n") == "k\\u{A}: a\nk\\u{A}: * lost b\\u{202E}    c")
    }

    @Test(
        arguments: [
            (0, "0 s"), (34, "0.034 s"), (600, "0.6 s"), (1_000, "1 s"), (1_234, "1.2 s"), (15_000, "15 s"),
        ] as [(Int64, String)]
    )
    func `times are in seconds`(milliseconds: Int64, text: String) {
        #expect(TimeAmount.milliseconds(milliseconds).seconds == text)
    }
}
