// SPDX-License-Identifier: Apache-2.0

import Testing

/// The chat page of the built relay, in a real browser.
@Suite struct ChatPageTests {
    @Test func `two people talk with nothing but a keyboard, and see what became of each message`() async throws {
        try await withRelayAndBrowser { relay, browser in
            let alice = try await browser.logIn("alice", relay)
            let bob = try await browser.logIn("bob", relay)
            try await alice.say("hello, bob")
            try await bob.showsLine("alice", "hello, bob")
            try await alice.showsOwn("hello, bob", "stored")
            try await bob.say("hi, alice")
            try await alice.showsLine("bob", "hi, alice")
            // Who is here, and who comes.
            try await alice.shows("document.querySelector('#people').innerText.includes('bob')")
            try await alice.shows(
                "[...document.querySelectorAll('.notice')].some(e => e.textContent === 'bob joined.')"
            )
            #expect(browser.complaints == [])
            for page in [alice, bob] { #expect(try await page.namelessControls() == []) }
        }
    }

    @Test func `a direct message is opened from the list of people, and told of where it is not seen`() async throws {
        try await withRelayAndBrowser { relay, browser in
            let alice = try await browser.logIn("alice", relay)
            let bob = try await browser.logIn("bob", relay)
            try await alice.shows("document.querySelector('#people').innerText.includes('bob')")
            try await alice.tab(to: "Write to bob")
            try await alice.press(.enter)
            try await alice.showsRoom("@bob")
            try await alice.say("just for you")
            try await alice.showsOwn("just for you", "stored")
            try await bob.shows("document.querySelector('#directs .unread')?.textContent === '1 new'")
            try await bob.tab(to: "alice1 new")
            try await bob.press(.enter)
            try await bob.showsLine("alice", "just for you")
            // What is written to nobody there is told to have failed.
            try await alice.tab(to: "Write to somebody")
            try await alice.type("nobody")
            try await alice.press(.enter)
            try await alice.showsRoom("@nobody")
            try await alice.say("anybody?")
            try await alice.showsOwn("anybody?", "failed")
            #expect(browser.complaints == [])
        }
    }

    @Test func `a room of one's own is joined, talked in and left`() async throws {
        try await withRelayAndBrowser { relay, browser in
            let alice = try await browser.logIn("alice", relay)
            try await alice.tab(to: "Join a room")
            try await alice.type("garden")
            try await alice.press(.enter)
            try await alice.showsRoom("garden")
            try await alice.tab(to: "Message to garden")
            try await alice.say("anybody here?")
            try await alice.showsOwn("anybody here?", "stored")
            try await alice.tab(to: "Leave garden")
            try await alice.press(.enter)
            try await alice.showsRoom("lobby")
            try await alice.shows("!document.querySelector('#rooms').innerText.includes('garden')")
            #expect(browser.complaints == [])
        }
    }

    @Test func `a wrong password is told, and the right one then taken`() async throws {
        try await withRelayAndBrowser { relay, browser in
            let page = try await browser.openPage("http://127.0.0.1:\(relay.port)/")
            try await page.enter("alice", password: "wrong")
            try await page.shows("document.querySelector('#login-fault').textContent.includes('wrong')")
            #expect(try await page.namelessControls() == [])
            try await page.run("document.querySelector('#password').value = ''")
            try await page.type("pw-alice")
            try await page.press(.enter)
            try await page.isConnected()
            #expect(browser.complaints == [])
        }
    }

    @Test func `two tabs of one account show the same`() async throws {
        try await withRelayAndBrowser { relay, browser in
            let first = try await browser.logIn("alice", relay)
            let second = try await browser.logIn("alice", relay)
            try await first.say("from the first")
            try await second.showsTexts(["from the first"])
            try await second.say("from the second")
            for tab in [first, second] { try await tab.showsTexts(["from the first", "from the second"]) }
            #expect(browser.complaints == [])
        }
    }

    @Test func `earlier messages are there to be asked for, also of a relay that was started anew`() async throws {
        try await withRelayAndBrowser { first, browser in
            let lines = (1...120).map { "line \($0)" }
            let writer = try await Speaker(.json, as: "carol", at: first.port)
            for line in lines { try await writer.say(line) }
            #expect(await writer.connection.says(#""clientMessageId":"line 120""#))
            first.process.kill()
            let second = try await first.again(["--history", "10"])
            defer { second.process.kill() }
            let alice = try await browser.logIn("alice", second)
            for count in [10, 60, 110, 120] {
                try await alice.showsTexts(lines.suffix(count))
                if count < 120 { try await alice.run("document.querySelector('#earlier').click()") }
            }
            try await alice.shows("document.querySelector('#earlier').hidden")
            #expect(browser.complaints == [])
        }
    }

    @Test func `a phone has room for it, in light and in dark`() async throws {
        try await withRelayAndBrowser { relay, browser in
            let page = try await browser.logIn("alice", relay)
            try await page.become(width: 360, height: 640)
            try await page.say("x\(String(repeating: "very-long-word", count: 40))")
            try await page.shows("document.querySelector('.state')?.dataset.state === 'stored'")
            #expect(try await page.value("document.documentElement.scrollWidth") == "360")
            #expect(try await page.value("document.querySelector('#lines').scrollWidth <= 360") == "true")
            #expect(try await page.value(Self.isInside("#composer button")) == "true")
            #expect(try await page.value("document.querySelector('#side').checkVisibility()") == "false")
            let light = try await page.value("getComputedStyle(document.body).backgroundColor")
            try await page.run("document.querySelector('#menu').focus()")
            try await page.press(.enter)
            try await page.shows("document.querySelector('#side').checkVisibility()")
            #expect(try await page.value("document.querySelector('#side').contains(document.activeElement)") == "true")
            #expect(try await page.value("document.documentElement.scrollWidth") == "360")
            try await page.press(.escape)
            try await page.shows("document.activeElement.id === 'menu'")
            try await page.become(width: 360, height: 640, colours: "dark")
            #expect(try await page.value("getComputedStyle(document.body).backgroundColor") != light)
            #expect(browser.complaints == [])
        }
    }

    @Test func `the same over TLS`() async throws {
        try await withRelayAndBrowser { relay, browser in
            let alice = try await browser.logIn("alice", relay, scheme: "https")
            let bob = try await Speaker(.lines, as: "bob", at: relay.port)
            #expect(await bob.connection.says("Message history:"))
            try await alice.say("over TLS")
            #expect(await bob.connection.says("[alice]: over TLS\n"))
            #expect(browser.complaints == [])
        }
    }

    private static func isInside(_ selector: String) -> String {
        "(() => { const r = document.querySelector('\(selector)').getBoundingClientRect(); "
            + "return r.top >= 0 && r.left >= 0 && r.bottom <= innerHeight && r.right <= innerWidth; })()"
    }
}
