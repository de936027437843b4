// SPDX-License-Identifier: Apache-2.0

import TestSupport
import Testing

/// Runs `body` with a relay whose accounts are those of ``RunningRelay``, and a browser.
func withRelayAndBrowser(
    _ arguments: [String] = [],
    _ body: (RunningRelay, Browser) async throws -> Void
) async throws {
    try await withTemporaryDirectory { directory in
        let relay = try await RunningRelay.start(in: directory, arguments)
        defer { relay.process.kill() }
        try await Browser.run { try await body(relay, $0) }
    }
}

extension RunningRelay {
    /// The same relay, started anew after its end.
    func again(_ arguments: [String] = []) async throws -> RunningRelay {
        try await RunningRelay.start(in: directory, port: port, accounts: [], arguments)
    }
}

extension Browser {
    /// The chat page of somebody who has logged in, by keyboard alone.
    func logIn(_ name: String, _ relay: RunningRelay, scheme: String = "http") async throws -> BrowserPage {
        let page = try await openPage("\(scheme)://127.0.0.1:\(relay.port)/")
        try await page.enter(name, password: "pw-\(name)")
        try await page.isConnected()
        try await page.shows("document.activeElement.id === 'text'")
        return page
    }
}

/// The chat page's parts.
extension BrowserPage {
    /// Fills in the login, beginning with the field that has the focus.
    func enter(_ name: String, password: String) async throws {
        try await type(name)
        try await press(.tab)
        try await type(password)
        try await press(.enter)
    }

    func isConnected(_ place: SourceLocation = #_sourceLocation) async throws {
        try await shows("document.querySelector('#status').textContent === 'Connected'", place)
    }

    func isCutOff(_ place: SourceLocation = #_sourceLocation) async throws {
        try await shows("document.querySelector('#status').textContent.startsWith('No connection')", place)
    }

    func say(_ text: String) async throws {
        try await type(text)
        try await press(.enter)
    }

    /// Waits for somebody's message.
    func showsLine(_ sender: String, _ text: String, _ place: SourceLocation = #_sourceLocation) async throws {
        try await shows(
            "[...document.querySelectorAll('.message')].some(e => e.querySelector('.sender').textContent === "
                + "'\(sender)' && e.querySelector('.text').textContent === \(quoted(text)))",
            place
        )
    }

    /// Waits until an own message is in a state.
    func showsOwn(_ text: String, _ state: String, _ place: SourceLocation = #_sourceLocation) async throws {
        try await shows(
            "[...document.querySelectorAll('.own')].some(e => e.querySelector('.text').textContent === "
                + "\(quoted(text)) && e.querySelector('.state')?.dataset.state === '\(state)')",
            place
        )
    }

    /// Waits until the room that is seen is this one.
    func showsRoom(_ name: String, _ place: SourceLocation = #_sourceLocation) async throws {
        try await shows("document.querySelector('#title').textContent === '\(name)'", place)
    }

    /// Waits until these are all messages, in this order.
    func showsTexts(_ texts: [String], _ place: SourceLocation = #_sourceLocation) async throws {
        try await shows(
            "JSON.stringify(\(Self.texts)) === JSON.stringify([\(texts.map(quoted).joined(separator: ","))])",
            place
        )
    }

    private static let texts = "[...document.querySelectorAll('.message .text')].map(e => e.textContent)"
}

/// Text as an expression.
func quoted(_ text: String) -> String {
    let scalars = text.unicodeScalars.map { "\\u{\(String($0.value, radix: 16))}" }
    return "'\(scalars.joined())'"
}
