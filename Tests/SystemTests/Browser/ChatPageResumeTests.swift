// SPDX-License-Identifier: Apache-2.0

import TestSupport
import Testing

/// The chat page and connections that are lost.
@Suite struct ChatPageResumeTests {
    @Test func `when the relay was killed nothing is lost, nothing comes twice, and no password is asked for`()
        async throws
    {
        try await withRelayAndBrowser { first, browser in
            let alice = try await browser.logIn("alice", first)
            let bob = try await browser.logIn("bob", first)
            try await alice.say("before")
            try await bob.showsLine("alice", "before")
            first.process.kill()
            try await alice.isCutOff()
            try await alice.say("meanwhile 1")
            try await alice.say("meanwhile 2")
            try await alice.showsOwn("meanwhile 2", "waiting")
            let second = try await first.again()
            defer { second.process.kill() }
            try await alice.showsOwn("meanwhile 1", "stored")
            try await alice.showsOwn("meanwhile 2", "stored")
            try await bob.showsLine("alice", "meanwhile 2")
            try await bob.say("after")
            let texts = ["before", "meanwhile 1", "meanwhile 2", "after"]
            for page in [alice, bob] { try await page.showsTexts(texts) }
            // The page loaded anew goes on where it was.
            try await alice.reload()
            try await alice.isConnected()
            try await alice.showsTexts(texts)
            #expect(try await alice.value("JSON.stringify(sessionStorage)").contains("pw-alice") == false)
            #expect(browser.complaints == [])
        }
    }

    @Test func `what was said while the page was away is there when it is loaded again, once`() async throws {
        try await withRelayAndBrowser { relay, browser in
            let alice = try await browser.logIn("alice", relay)
            let bob = try await Speaker(.json, as: "bob", at: relay.port)
            try await bob.say("one")
            try await alice.showsTexts(["one"])
            try await alice.say("two")
            try await alice.showsOwn("two", "stored")
            try await alice.leave()
            try await bob.say("three")
            #expect(await bob.connection.says(#""clientMessageId":"three""#))
            try await alice.go(to: "http://127.0.0.1:\(relay.port)/")
            try await alice.isConnected()
            try await alice.showsTexts(["one", "two", "three"])
        }
    }

    @Test func `what is no longer kept is shown as a gap that names it`() async throws {
        try await withRelayAndBrowser(["--durability", "memory"]) { relay, browser in
            let alice = try await browser.logIn("alice", relay)
            let bob = try await Speaker(.binary, as: "bob", at: relay.port)
            try await bob.say("seen")
            try await alice.showsTexts(["seen"])
            try await alice.leave()
            // More than a room has memory for.
            for number in 1...300 { try await bob.say("\(number) \(String(repeating: "x", count: 30_000))") }
            #expect(await eventually { bob.accepted.count == 301 }, "\(bob.accepted.count)")
            try await alice.go(to: "http://127.0.0.1:\(relay.port)/")
            try await alice.isConnected()
            try await alice.shows(
                "/^Messages 2 to \\d+ are no longer kept\\.$/.test(document.querySelector('.gap')?.textContent)"
            )
            try await alice.shows(
                "[...document.querySelectorAll('.message .text')].at(-1)?.textContent.startsWith('300 ')"
            )
        }
    }

    @Test func `with a ticket that is worth nothing any more, one logs in again and what waited is sent`() async throws
    {
        try await withRelayAndBrowser { first, browser in
            let alice = try await browser.logIn("alice", first)
            first.process.kill()
            try await alice.isCutOff()
            try await alice.say("kept")
            // With other hashes of the passwords.
            let second = try await RunningRelay.start(in: first.directory, port: first.port)
            defer { second.process.kill() }
            try await alice.shows("document.querySelector('#login-fault').textContent === 'Please log in again.'")
            try await alice.shows("document.activeElement.id === 'password'")
            try await alice.type("pw-alice")
            try await alice.press(.enter)
            try await alice.showsOwn("kept", "stored")
            try await alice.showsTexts(["kept"])
        }
    }

    @Test func `a tab that was duplicated ends the first, which can go on again, and both tell all`() async throws {
        try await withRelayAndBrowser { relay, browser in
            let first = try await browser.logIn("alice", relay)
            try await first.say("one")
            try await first.showsOwn("one", "stored")
            let second = try await browser.duplicate(first)
            try await second.isConnected()
            try await first.shows("document.querySelector('#retry').textContent === 'Go on here'")
            try await second.say("two")
            try await second.showsOwn("two", "stored")
            try await first.run("document.querySelector('#retry').click()")
            try await first.isConnected()
            try await first.say("three")
            try await first.showsOwn("three", "stored")
            let bob = try await Speaker(.json, as: "bob", at: relay.port)
            #expect(
                await eventually { bob.heard == ["[alice]: one", "[alice]: two", "[alice]: three"] },
                "\(bob.heard)"
            )
        }
    }
}
