// SPDX-License-Identifier: Apache-2.0

import Foundation
import MeshCore
import NIOCore
import NIOPosix
import TestSupport
import Testing

@testable import tcp_server

@Suite struct AuthenticatorTests {
    @Test func `a right password names the account, anything else is wrong`() async throws {
        try await withAuthenticator { authenticator in
            let right = try await authenticator.verdict("alice", "secret")
            #expect(right.account == .named("alice"))
            for (user, password) in [
                ("alice", "Secret"), ("alice", ""), ("Alice", "secret"), ("", "secret"), ("mallory", "secret"),
                ("mallory", ""), ("[alice]", "secret"), ("alice\0", "secret"), ("off", "secret"), ("off", "*"),
            ] {
                let verdict = try await authenticator.verdict(user, password)
                #expect(verdict == .wrong)
            }
        }
    }

    @Test func `no more wait than the limit says: the others are told to come back`() async throws {
        try await withBlockedAuthenticator(waitingLimit: 3) { authenticator, release in
            let answers = (0..<10).map { _ in authenticator.verify("alice", "secret") }
            // These seven are answered while all the others wait.
            for answer in answers.dropFirst(3) { #expect(try await answer.get() == .busy(retryAfter: .seconds(2))) }
            try release()
            for answer in answers.prefix(3) { #expect(try await answer.get().account == .named("alice")) }
            // All places are free again.
            for _ in 0..<4 { #expect(try await authenticator.verdict("alice", "secret").account == .named("alice")) }
        }
    }

    @Test func `who waits when the threads end is answered`() async throws {
        try await withBlockedAuthenticator(waitingLimit: 3) { authenticator, release in
            let answers = (0..<3).map { _ in authenticator.verify("alice", "secret") }
            async let end: Void = authenticator.shutdown()
            for answer in answers.dropFirst() { #expect(try await answer.get() == .busy(retryAfter: .seconds(2))) }
            try release()
            #expect(try await answers[0].get().account == .named("alice"))
            await end
            #expect(try await authenticator.verdict("alice", "secret") == .busy(retryAfter: .seconds(2)))
        }
    }

    private func withAuthenticator(_ body: (Authenticator) async throws -> Void) async throws {
        try await withTemporaryDirectory { directory in
            let file = try AccountFile.ofTests(in: directory)
            let authenticator = Authenticator(file: file, threads: 1)
            do {
                try await body(authenticator)
            } catch {
                await authenticator.shutdown()
                throw error
            }
            await authenticator.shutdown()
        }
    }

    /// An authenticator whose one thread waits for the accounts until it is released.
    private func withBlockedAuthenticator(
        waitingLimit: Int,
        _ body: (Authenticator, _ release: () throws -> Void) async throws -> Void
    ) async throws {
        try await withTemporaryDirectory { directory in
            let path = directory + "/accounts"
            // Who opens a named pipe to read waits until somebody opens it to write.
            #expect(mkfifo(path, 0o600) == 0)
            let authenticator = Authenticator(
                file: AccountFile(path: path),
                threads: 1,
                waitingLimit: waitingLimit
            )
            try await body(authenticator) {
                let file = try AccountFile.ofTests(in: directory, named: "real")
                let pipe = try FileHandle(forWritingTo: URL(filePath: path))
                // Who looks next finds a file.
                #expect(rename(file.path, path) == 0)
                try pipe.write(contentsOf: Data(AccountFile.textOfTests.utf8))
                try pipe.close()
            }
            await authenticator.shutdown()
        }
    }
}

extension Authenticator {
    fileprivate func verify(_ user: String, _ password: String) -> EventLoopFuture<RelaySession.Verdict> {
        verify(user: user, password: password, on: MultiThreadedEventLoopGroup.singleton.next())
    }

    fileprivate func verdict(_ user: String, _ password: String) async throws -> RelaySession.Verdict {
        try await verify(user, password).get()
    }
}

extension RelaySession.Verdict {
    /// Who was let in.
    fileprivate var account: AccountName? {
        if case .right(let name, _) = self { name } else { nil }
    }
}
