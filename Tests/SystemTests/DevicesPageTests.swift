// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

/// The page of signaling_server, in a real browser.
@Suite struct DevicesPageTests {
    @Test func `devices come, are found and go as it happens, and what a name says stays text`() async throws {
        try await withPage { server, page in
            try await page.shows("\(Self.text).includes('Nobody is here')")
            try await register(#"{"id":"laptop","name":"Ann","port":9000}"#, server)
            try await register(#"{"id":"evil","name":"<img src=x onerror=alert(1)>"}"#, server)
            try await page.shows("document.querySelectorAll('#devices tr').length === 2")
            try await page.shows("\(Self.text).includes('Ann') && \(Self.text).includes('127.0.0.1:9000')")
            try await page.shows("\(Self.text).includes('<img src=x') && !document.querySelector('img')")
            try await page.shows("\(Self.text).includes('2 devices') && document.querySelector('td.unproven')")
            try await page.shows("document.querySelectorAll('#mesh circle').length === 2")
            try await page.shows("document.querySelector('#news').innerText.includes('Ann joined')")

            try await page.run("document.getElementById('search').focus()")
            try await page.type("laptop")
            try await page.shows("document.querySelectorAll('#devices tr').length === 1")
            try await page.type("x")
            try await page.shows("document.querySelectorAll('#devices tr').length === 0")

            _ = try await shell("curl -s -X DELETE http://127.0.0.1:\(server.port)/devices/laptop")
            try await page.shows("document.querySelector('#news').innerText.includes('Ann left')")
            try await page.shows("\(Self.text).includes('1 device')")
            #expect(page.browser.complaints == [])
            #expect(try await page.namelessControls() == [])
        }
    }

    @Test func `the picture has who has a session with whom, direct or relayed`() async throws {
        try await withPage { server, page in
            let devices = try ["kitchen", "garden"].map { name in
                try ProgramProcess(
                    "device",
                    [
                        "--name", name, "--state-dir", "\(server.stateDirectory)-\(name)", "--no-prompt",
                        "--listen", "127.0.0.1:0", "--signaling", "http://127.0.0.1:\(server.port)",
                    ]
                )
            }
            defer { for device in devices { device.kill() } }
            try await page.shows("document.querySelectorAll('#mesh line.direct').length === 1")
            let id = try await page.value("[...devices.values()].find((device) => device.name === 'garden').id")
            try await register(#"{"id":"laptop","name":"Ann"}"#, server)
            let report = #"{"sessions":{"\#(id)":"relayed"}}"#
            _ = try await shell("curl -s --json '\(report)' http://127.0.0.1:\(server.port)/devices/laptop/heartbeat")
            try await page.shows("document.querySelectorAll('#mesh line.relayed').length === 1")
            try await page.shows("document.querySelector('#devices').innerText.includes('garden (relayed)')")
            devices.first?.signal(SIGTERM)
            try await page.shows("document.querySelectorAll('#mesh line.direct').length === 0")
            #expect(page.browser.complaints == [])
        }
    }

    @Test func `where devices are enrolled it asks for a token, and says what is wrong with one`() async throws {
        try await withPage(["--enrollment", "keys"]) { server, page in
            try await page.shows("document.getElementById('login').checkVisibility()")
            try await page.run("document.getElementById('token').focus()")
            try await page.type("nonsense")
            try await page.press(.enter)
            try await page.shows("\(Self.text).includes('not valid')")
            let token = "signaling_server token create --read --state-dir \(server.stateDirectory) 2>/dev/null"
            try await page.run("document.getElementById('token').focus()")
            try await page.type(try await shell(token).output.trimmingCharacters(in: .newlines))
            try await page.press(.enter)
            try await page.shows("\(Self.text).includes('Nobody is here')")
            try await page.shows("!document.getElementById('login').checkVisibility()")
            try await page.reload()
            try await page.shows("\(Self.text).includes('Nobody is here')")
        }
    }

    @Test func `when the server comes back, so does the list`() async throws {
        try await withTemporaryDirectory { directory in
            let first = try await ServerProcess.start(stateDirectory: "\(directory)/state")
            defer { first.kill() }
            try await register(#"{"id":"laptop","name":"Ann"}"#, first)
            try await Browser.run { browser in
                let page = try await browser.openPage("http://127.0.0.1:\(first.port)/")
                try await page.shows("\(Self.text).includes('Ann')")
                first.terminate()
                try await page.shows("\(Self.text).includes('connection lost')")
                #expect(await eventually { !first.isRunning })
                let second = try await ServerProcess.start(
                    stateDirectory: "\(directory)/state",
                    options: ["--port", "\(first.port)"]
                )
                defer { second.kill() }
                try await register(#"{"id":"phone","name":"Bob"}"#, second)
                try await page.shows("\(Self.text).includes('Ann') && \(Self.text).includes('Bob')")
            }
        }
    }

    @Test func `it fits on a phone, in light and in dark`() async throws {
        try await withPage { server, page in
            for number in 0..<12 {
                let id = "a-rather-long-name-of-device-\(number)"
                try await register(#"{"id":"\#(id)","name":"Device \#(number)"}"#, server)
            }
            var papers: Set<String> = []
            for colours in ["light", "dark"] {
                for width in [360, 1_280] {
                    try await page.become(width: width, height: 800, colours: colours)
                    try await page.shows("document.querySelectorAll('#devices tr').length === 12")
                    try await page.shows("document.documentElement.scrollWidth <= innerWidth")
                }
                papers.insert(try await page.value("getComputedStyle(document.body).backgroundColor"))
            }
            #expect(papers.count == 2)
        }
    }

    private static let text = "document.body.innerText"

    private func withPage(
        _ options: [String] = [],
        _ body: (ServerProcess, BrowserPage) async throws -> Void
    ) async throws {
        try await withTemporaryDirectory { directory in
            let server = try await ServerProcess.start(stateDirectory: "\(directory)/state", options: options)
            defer { server.kill() }
            try await Browser.run { browser in
                try await body(server, try await browser.openPage("http://127.0.0.1:\(server.port)/"))
            }
        }
    }

    private func register(_ body: String, _ server: ServerProcess) async throws {
        let answer = try await shell("curl -s --json '\(body)' http://127.0.0.1:\(server.port)/register")
        #expect(answer.output.contains(#""registered_at""#), "\(answer.output)")
    }
}
