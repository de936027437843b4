// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

/// A page in a ``Browser``, as the person at the keyboard has it.
struct BrowserPage: Sendable {
    let browser: Browser
    let target: String
    let session: String

    @discardableResult
    func call(_ method: String, _ parameters: [String: Any] = [:]) async throws -> [String: Any] {
        try await browser.call(method, parameters, session: session)
    }

    func go(to address: String) async throws {
        var fault: String?
        // The browser gives up what it loads when the machine gets another network, as other tests make them.
        _ = try await eventually {
            fault = try await call("Page.navigate", ["url": address])["errorText"] as? String
            return fault != "net::ERR_NETWORK_CHANGED"
        }
        if let fault { throw Browser.Failure(words: "\(address): \(fault)") }
        try await shows("document.readyState === 'complete' && location.href !== 'about:blank'")
    }

    /// Goes where nothing is, and comes back with ``go(to:)``: the storage stays.
    func leave() async throws {
        try await call("Page.navigate", ["url": "about:blank"])
        try await shows("location.href === 'about:blank'")
    }

    func reload() async throws {
        try await run("window.isOld = true")
        try await call("Page.reload")
        try await shows("document.readyState === 'complete' && !window.isOld")
    }

    /// The value of an expression, as text; it may wait for something.
    func value(_ expression: String) async throws -> String {
        let result = try await call(
            "Runtime.evaluate",
            ["expression": "(async () => String(\(expression)))()", "awaitPromise": true, "returnByValue": true]
        )
        if let details = result["exceptionDetails"] { throw Browser.Failure(words: "\(expression): \(details)") }
        return (result["result"] as? [String: Any])?["value"] as? String ?? ""
    }

    func run(_ statement: String) async throws {
        _ = try await value("(() => { \(statement) })()")
    }

    /// Waits until an expression is true.
    func shows(_ expression: String, _ place: SourceLocation = #_sourceLocation) async throws {
        let isShown = await eventually {
            // Between two documents there is nothing to ask.
            (try? await value("Boolean(\(expression))")) == "true"
        }
        if isShown { return }
        let text = try await value("document.body.innerText")
        Issue.record(
            "not shown: \(expression); complaints: \(browser.complaints); the page: \(text)",
            sourceLocation: place
        )
        throw Browser.Failure(words: "not shown")
    }

    /// Types text where the focus is.
    func type(_ text: String) async throws {
        for character in text {
            try await call(
                "Input.dispatchKeyEvent",
                ["type": "keyDown", "text": "\(character)", "key": "\(character)"]
            )
            try await call("Input.dispatchKeyEvent", ["type": "keyUp", "key": "\(character)"])
        }
    }

    /// A key that writes nothing, or Enter.
    func press(_ key: Key, holdingShift: Bool = false) async throws {
        var event: [String: Any] = ["key": key.rawValue, "code": key.rawValue, "windowsVirtualKeyCode": key.code]
        event["modifiers"] = holdingShift ? 8 : 0
        event["type"] = "keyDown"
        if key == .enter { event["text"] = "\r" }
        try await call("Input.dispatchKeyEvent", event)
        event["text"] = nil
        event["type"] = "keyUp"
        try await call("Input.dispatchKeyEvent", event)
    }

    enum Key: String {
        case enter = "Enter"
        case escape = "Escape"
        case tab = "Tab"

        var code: Int {
            switch self {
            case .enter: 13
            case .escape: 27
            case .tab: 9
            }
        }
    }

    /// Goes on with Tab until the element with this label has the focus.
    func tab(to label: String, _ place: SourceLocation = #_sourceLocation) async throws {
        for _ in 0..<40 {
            if try await value(Self.focusedLabel) == label { return }
            try await press(.tab)
        }
        Issue.record("no way to \(label) with Tab", sourceLocation: place)
    }

    /// What the focused element is called.
    private static let focusedLabel = """
        (() => { const e = document.activeElement; return e.getAttribute('aria-label') ?? e.labels?.[0]?.textContent
        ?? e.textContent.trim(); })()
        """

    /// The width and height of the screen, of a phone if it is narrow; in dark colours or light.
    func become(width: Int, height: Int, colours: String = "light") async throws {
        try await call(
            "Emulation.setDeviceMetricsOverride",
            ["width": width, "height": height, "deviceScaleFactor": 2, "mobile": width < 600]
        )
        try await call(
            "Emulation.setEmulatedMedia",
            ["features": [["name": "prefers-color-scheme", "value": colours]]]
        )
    }

    /// A picture of what is seen, for people.
    func keepPicture(_ path: String) async throws {
        let picture = try await call("Page.captureScreenshot")["data"] as? String
        try Data(base64Encoded: picture ?? "")?.write(to: URL(filePath: path))
    }

    /// What a screen reader finds that can be operated but has no name.
    func namelessControls() async throws -> [String] {
        let nodes = try await call("Accessibility.getFullAXTree")["nodes"] as? [[String: Any]] ?? []
        return nodes.compactMap { node in
            func text(_ key: String) -> String { (node[key] as? [String: Any])?["value"] as? String ?? "" }
            let isControl = ["button", "textbox", "link", "log", "navigation"].contains(text("role"))
            return isControl && node["ignored"] as? Bool != true && text("name").isEmpty ? "\(node)" : nil
        }
    }
}
