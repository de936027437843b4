// SPDX-License-Identifier: Apache-2.0

import TestSupport
import Testing

/// What others say to the chat page, and what other pages may not.
@Suite struct ChatPageGuardTests {
    @Test func `what others write is text, whatever it looks like`() async throws {
        try await withRelayAndBrowser { relay, browser in
            let alice = try await browser.logIn("alice", relay)
            let bob = try await Speaker(.json, as: "bob", at: relay.port)
            let texts = [
                "<script>document.title = 'owned'</script>", "<img src=x onerror=\"document.title='owned'\">",
                "</span></li><li class=message>mine", "javascript:alert(1)", "<a href='https://evil.example'>here</a>",
                "&lt;b&gt;", "{{constructor.constructor('x')()}}", "a\nb\t\u{202E}c\u{2066}d", "<!--", "\\u003cb>",
            ]
            for text in texts { try await bob.say(text) }
            try await alice.showsTexts(texts)
            #expect(try await alice.value("document.querySelectorAll('#lines .text *').length") == "0")
            #expect(try await alice.value("document.querySelectorAll('#lines .message').length") == "\(texts.count)")
            #expect(try await alice.value("document.title").contains("owned") == false)
            #expect(browser.complaints == [])
        }
    }

    @Test func `a name from right to left does not turn the line around`() async throws {
        try await withRelayAndBrowser { relay, browser in
            let alice = try await browser.logIn("alice", relay)
            let bob = try await Speaker(.json, as: "bob", at: relay.port)
            try await bob.say("\u{202E}evil")
            try await alice.showsTexts(["\u{202E}evil"])
            #expect(try await alice.value("document.querySelector('#lines .sender').tagName") == "BDI")
            #expect(
                try await alice.value("getComputedStyle(document.querySelector('#lines .text')).unicodeBidi")
                    == "plaintext"
            )
        }
    }

    @Test func `were text let in as a script or a style, it would not run`() async throws {
        try await withRelayAndBrowser { relay, browser in
            let page = try await browser.openPage("http://127.0.0.1:\(relay.port)/")
            for attempt in [
                "document.body.innerHTML = '<p>'", "document.write('<p>')",
                "document.body.setAttribute('onclick', 'window.isOwned = 1')",
                "document.head.append(Object.assign(document.createElement('script'), {text: 'window.isOwned = 1'}))",
            ] {
                let outcome = try await page.value(
                    "(() => { try { \(attempt); return 'let in' } catch { return 'not' } })()"
                )
                #expect(outcome == "not", "\(attempt)")
            }
            try await page.run(
                "document.body.append(Object.assign(document.createElement('img'), {src: 'https://evil.example/x.png'}))"
            )
            #expect(await eventually { browser.complaints.contains { $0.contains("evil.example") } })
            #expect(try await page.value("window.isOwned === undefined") == "true")
        }
    }

    @Test func `a page from elsewhere can't open a WebSocket`() async throws {
        try await withRelayAndBrowser(["--log-level", "debug"]) { relay, browser in
            let own = try await browser.openPage("http://127.0.0.1:\(relay.port)/ping")
            #expect(try await own.value(Self.attempt(relay)) == "open")
            let other = try await browser.openBlankPage()
            #expect(try await other.value(Self.attempt(relay)) == "refused")
            // By the relay, not by the browser.
            #expect(await eventually { relay.process.log.contains("status=403") })
        }
    }

    /// Opens a WebSocket to a relay, and says what came of it.
    private static func attempt(_ relay: RunningRelay) -> String {
        "await new Promise((settle) => { const socket = new WebSocket('ws://127.0.0.1:\(relay.port)/ws'); "
            + "socket.onopen = () => settle('open'); socket.onerror = () => settle('refused'); })"
    }
}
