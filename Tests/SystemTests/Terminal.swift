// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

/// A terminal of 60 columns in tmux, in which a test types and whose screen it reads.
final class Terminal {
    private let socket: String

    private init(socket: String) {
        self.socket = socket
    }

    /// A terminal that is there while `body` runs.
    static func with(_ directory: String, _ body: (Terminal) async throws -> Void) async throws {
        let terminal = Terminal(socket: "\(directory)/tmux")
        let start = "tmux -u -S \(terminal.socket) -f /dev/null new-session -d -x 60 -y 40 'PS1=\\$ bash --norc'"
        // The server stays: it must not keep open what tells that the shell has ended.
        let closing = "for fd in $(ls /proc/self/fd); do if [ $fd -gt 2 ]; then eval \"exec $fd>&-\"; fi; done"
        let started = try await shell("(\(closing); \(start)) </dev/null >/dev/null 2>&1")
        try #require(started.exitCode == 0, "no tmux")
        do { try await body(terminal) } catch { Issue.record(error) }
        _ = try await shell("tmux -S \(terminal.socket) kill-server >/dev/null 2>&1")
    }

    func run(_ command: String) async throws {
        try await type("PATH=\(programs):$PATH; clear; \(command)")
    }

    func type(_ text: String) async throws {
        try await typeWithoutReturn(text)
        _ = try await shell("tmux -S \(socket) send-keys Enter")
    }

    func typeWithoutReturn(_ text: String) async throws {
        _ = try await shell("tmux -S \(socket) send-keys -l '\(text)'")
    }

    /// The screen's lines without the spaces and the empty lines at their ends.
    func screen() async throws -> String {
        let lines = try await shell("tmux -u -S \(socket) capture-pane -p").output.split(separator: "\n")
        return lines.map { $0.trimmingSuffix(" ") }.joined(separator: "\n")
    }

    func shows(_ pattern: some RegexComponent) async -> Bool {
        let isShown = await eventually { (try? await self.screen().firstMatch(of: pattern)) != nil }
        if !isShown { Issue.record("the terminal shows:\n\((try? await screen()) ?? "nothing")") }
        return isShown
    }
}

extension Substring {
    fileprivate func trimmingSuffix(_ character: Character) -> Substring {
        var text = self
        while text.last == character { text.removeLast() }
        return text
    }
}
