// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

/// The page of signaling_server, in a real browser.
@Suite struct DevicesPageTests {
    @Test func `it shows who is there, proven or not, with whom, and what a name says stays text`() async throws {
        try await withTemporaryDirectory { directory in
            let server = try await ServerProcess.start(stateDirectory: "\(directory)/state")
            defer { server.kill() }
            let address = "http://127.0.0.1:\(server.port)"
            for body in [#"{"id":"laptop","name":"Ann","port":9000}"#, #"{"id":"evil","name":"<img src=x>"}"#] {
                _ = try await shell("curl -s --json '\(body)' \(address)/register")
            }
            let page = try await dump(address, directory)
            #expect(page.contains(#"<td class="text">Ann</td>"#), "\(page)")
            #expect(page.contains(#"<td class="id">127.0.0.1:9000</td>"#))
            #expect(page.contains("&lt;img src=x&gt;"))
            #expect(!page.contains("<img"))
            #expect(page.contains("2 devices"))
            #expect(page.ranges(of: "<circle").count == 2)
            #expect(!page.contains("Content Security Policy"), "\(page)")
        }
    }

    @Test func `where devices are enrolled it asks for a token`() async throws {
        try await withTemporaryDirectory { directory in
            let server = try await ServerProcess.start(
                stateDirectory: "\(directory)/state",
                options: ["--enrollment", "keys"]
            )
            defer { server.kill() }
            let page = try await dump("http://127.0.0.1:\(server.port)", directory)
            #expect(page.contains("a token is needed"), "\(page)")
            #expect(page.contains(#"<form id="login">"#))
        }
    }

    /// What a page has become after a few seconds, and what the browser complains of.
    private func dump(_ address: String, _ directory: String) async throws -> String {
        let options = "--headless=new --no-sandbox --disable-gpu --disable-dev-shm-usage --enable-logging=stderr"
        let profile = "--user-data-dir=\(directory)/profile"
        return try await shell("timeout 60 chromium \(options) \(profile) --timeout=5000 --dump-dom \(address)").output
    }
}
