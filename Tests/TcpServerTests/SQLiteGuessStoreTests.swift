// SPDX-License-Identifier: Apache-2.0

import Foundation
import MeshCore
import TestSupport
import Testing

@testable import tcp_server

@Suite struct SQLiteGuessStoreTests {
    private let key = GuessKey(bytes: Data(repeating: 7, count: 16))
    private let alice = AccountName.named("alice")

    @Test func `what was stored is there after a restart, as it was last`() async throws {
        try await withTemporaryDirectory { directory in
            let path = directory + "/guesses.sqlite"
            let key = try #require(key)
            let other = try #require(GuessKey(bytes: Data(repeating: 8, count: 16)))
            // To whole seconds, as a number in a database has no more than 53 bits.
            let soon = Date(timeIntervalSince1970: Date.now.timeIntervalSince1970.rounded() + 1_000)
            let guesses = StoredGuesses(kind: .pair, key: key, calm: soon, next: soon + 1)
            let sources = [SourceAddress(version: .six, prefix: .max), SourceAddress(version: .four, prefix: 1)]
            try SQLiteGuessStore(path: path).apply([
                .guesses(.init(kind: .pair, key: key, calm: soon + 50, next: soon)), .guesses(guesses),
                .guesses(.init(kind: .source, key: other, calm: soon, next: soon)), .forgotten(other),
                .familiar(alice, sources.reversed()), .familiar(alice, sources), .familiar(.named("bob"), []),
            ])
            let kept = try SQLiteGuessStore(path: path).load()
            #expect(kept.guesses == [guesses])
            #expect(kept.familiar == [alice: sources])
        }
    }

    @Test func `what weighs nothing any more is not kept`() async throws {
        try await withTemporaryDirectory { directory in
            let store = try SQLiteGuessStore(path: directory + "/guesses.sqlite")
            let past = Date.now - 1
            try store.apply([.guesses(.init(kind: .source, key: try #require(key), calm: past, next: past))])
            #expect(try store.load().guesses.isEmpty)
        }
    }

    @Test func `nobody but the owner may read it, though it was made by a version that let others`() async throws {
        try await withTemporaryDirectory { directory in
            let path = directory + "/guesses.sqlite"
            try Data().write(to: URL(filePath: path))
            #expect(chmod(path, 0o644) == 0)
            let store = try SQLiteGuessStore(path: path)
            try store.apply([.guesses(.init(kind: .source, key: try #require(key), calm: .now + 9, next: .now))])
            for file in ["", "-wal", "-shm"] {
                let mode = try FileManager.default.attributesOfItem(atPath: path + file)[.posixPermissions] as? Int
                #expect(mode == 0o600, "\(file)")
            }
        }
    }

    @Test(arguments: ["garbage that is no database, and long enough for one", ""])
    func `a file that is none is told of, an empty one is filled`(content: String) async throws {
        try await withTemporaryDirectory { directory in
            let path = directory + "/guesses.sqlite"
            try Data(String(repeating: content, count: 100).utf8).write(to: URL(filePath: path))
            if content.isEmpty {
                #expect(try SQLiteGuessStore(path: path).load().guesses.isEmpty)
            } else {
                #expect(throws: (any Error).self) { try SQLiteGuessStore(path: path) }
            }
        }
    }
}
