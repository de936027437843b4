// SPDX-License-Identifier: Apache-2.0

import Foundation
import Synchronization
import TestSupport
import Testing

/// A Chromium without a window, told what to do through its DevTools protocol.
///
/// The protocol goes over a pipe, a message and a zero byte each way: no port is open, and nothing else is needed.
final class Browser: Sendable {
    private struct State {
        var last = 0
        var waiting: [Int: CheckedContinuation<Data, any Error>] = [:]
        var complaints: [String] = []
        var hasEnded = false
    }

    struct Failure: Error {
        let words: String
    }

    private let process: Mutex<Process>
    private let input: Mutex<FileHandle>
    private let state = Mutex(State())

    private init(directory: String) throws {
        let (toBrowser, fromBrowser, process) = (Pipe(), Pipe(), Process())
        let options = [
            "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
            "--disable-background-networking", "--disable-component-update", "--ignore-certificate-errors",
            "--user-data-dir=\(directory)/profile", "--remote-debugging-pipe", "about:blank",
        ]
        process.executableURL = URL(filePath: "/bin/bash")
        process.arguments =
            [
                "-c", "exec chromium \"$@\" 3<&0 4>&1 </dev/null >\(directory)/browser.log 2>&1", "chromium",
            ] + options
        process.standardInput = toBrowser
        process.standardOutput = fromBrowser
        try process.run()
        self.process = Mutex(process)
        input = Mutex(toBrowser.fileHandleForWriting)
        let output = fromBrowser.fileHandleForReading
        Thread.detachNewThread { [weak self] in
            var rest = Data()
            while true {
                let data = output.availableData
                guard !data.isEmpty, let self else { break }
                rest.append(data)
                while let end = rest.firstIndex(of: 0) {
                    self.received(Data(rest[rest.startIndex..<end]))
                    rest = Data(rest[rest.index(after: end)...])
                }
            }
            self?.ended()
        }
    }

    /// Runs `body` with a browser that starts from nothing.
    static func run(_ body: (Browser) async throws -> Void) async throws {
        try await withTemporaryDirectory { directory in
            let browser = try Browser(directory: directory)
            do {
                try await body(browser)
            } catch {
                browser.kill()
                throw error
            }
            browser.kill()
        }
    }

    /// What the pages complained of: errors, and what the Content-Security-Policy did not let them do.
    var complaints: [String] { state.withLock { $0.complaints } }

    /// A page of its own, which shares neither storage nor cookies with the others.
    func openPage(_ address: String) async throws -> BrowserPage {
        let page = try await openBlankPage()
        try await page.go(to: address)
        return page
    }

    /// A page of its own that comes from nowhere.
    func openBlankPage() async throws -> BrowserPage {
        let context = try await call("Target.createBrowserContext", [:])["browserContextId"] as? String
        let target = try await call(
            "Target.createTarget",
            ["url": "about:blank", "browserContextId": try #require(context)]
        )
        return try await attach(to: try #require(target["targetId"] as? String))
    }

    /// Another tab with what a page has in its storage.
    func duplicate(_ page: BrowserPage) async throws -> BrowserPage {
        try await page.call(
            "Runtime.evaluate",
            ["expression": "void window.open(location.href)", "userGesture": true]
        )
        var tab: String?
        let isThere = try await eventually {
            let targets = try await call("Target.getTargets", [:])["targetInfos"] as? [[String: Any]] ?? []
            tab = targets.first { $0["openerId"] as? String == page.target }?["targetId"] as? String
            return tab != nil
        }
        try #require(isThere, "no second tab")
        return try await attach(to: try #require(tab))
    }

    private func attach(to target: String) async throws -> BrowserPage {
        let attached = try await call("Target.attachToTarget", ["targetId": target, "flatten": true])
        let session = try #require(attached["sessionId"] as? String)
        let page = BrowserPage(browser: self, target: target, session: session)
        for domain in ["Page", "Runtime", "Log", "Accessibility"] { _ = try await page.call("\(domain).enable") }
        return page
    }

    /// Has something done, and gives the result.
    func call(_ method: String, _ parameters: [String: Any], session: String? = nil) async throws -> [String: Any] {
        var message: [String: Any] = ["method": method, "params": parameters]
        message["sessionId"] = session
        let id = state.withLock { state in
            state.last += 1
            return state.last
        }
        message["id"] = id
        let bytes = try JSONSerialization.data(withJSONObject: message) + [0]
        let answer = try await withCheckedThrowingContinuation { continuation in
            let hasEnded = state.withLock { state in
                if !state.hasEnded { state.waiting[id] = continuation }
                return state.hasEnded
            }
            if hasEnded { return continuation.resume(throwing: Failure(words: "the browser has ended")) }
            input.withLock { input in try? input.write(contentsOf: bytes) }
        }
        let object = try JSONSerialization.jsonObject(with: answer) as? [String: Any] ?? [:]
        if let error = object["error"] { throw Failure(words: "\(method): \(error)") }
        return object["result"] as? [String: Any] ?? [:]
    }

    private func received(_ message: Data) {
        guard let object = try? JSONSerialization.jsonObject(with: message) as? [String: Any] else { return }
        if let id = object["id"] as? Int {
            let waiting = state.withLock { $0.waiting.removeValue(forKey: id) }
            waiting?.resume(returning: message)
        } else if let words = Self.complaint(object) {
            state.withLock { $0.complaints.append(words) }
        }
    }

    private static func complaint(_ event: [String: Any]) -> String? {
        let parameters = event["params"] as? [String: Any] ?? [:]
        switch event["method"] as? String {
        case "Runtime.exceptionThrown": return "\(parameters)"
        case "Log.entryAdded":
            let entry = parameters["entry"] as? [String: Any] ?? [:]
            let words = "\(entry["source"] ?? ""): \(entry["text"] ?? "")"
            let level = entry["level"] as? String
            // The browser itself says when a WebSocket could not be opened: that is what a relay that is away looks like.
            return level == "error" && !words.contains("WebSocket connection to") ? words : nil
        default: return nil
        }
    }

    private func ended() {
        let waiting = state.withLock { state in
            state.hasEnded = true
            defer { state.waiting = [:] }
            return state.waiting.values.map { $0 }
        }
        for continuation in waiting { continuation.resume(throwing: Failure(words: "the browser has ended")) }
    }

    private func kill() {
        process.withLock { process in
            process.terminate()
            process.waitUntilExit()
        }
    }
}
