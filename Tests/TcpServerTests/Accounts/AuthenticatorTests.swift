// SPDX-License-Identifier: Apache-2.0

import Foundation
import Logging
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
        try await withBlockedAuthenticator(waitingLimit: 3) { authenticator, gate in
            let answers = (0..<10).map { _ in authenticator.verify("alice", "secret") }
            // These seven are answered while all the others wait.
            for answer in answers.dropFirst(3) { #expect(try await answer.get() == .busy(retryAfter: .seconds(2))) }
            try await gate.release()
            for answer in answers.prefix(3) { #expect(try await answer.get().account == .named("alice")) }
            // All places are free again.
            for _ in 0..<4 { #expect(try await authenticator.verdict("alice", "secret").account == .named("alice")) }
        }
    }

    @Test(arguments: [
        ("no name", "secret"), ("", "secret"), ("alice", ""), ("alice", "nul\0"), ("al\u{FFFD}ce", "secret"),
    ])
    func `what can be no name or no password is wrong, and costs no hash`(user: String, password: String) async throws {
        try await withBlockedAuthenticator(waitingLimit: 1) { authenticator, gate in
            let blocked = authenticator.verify("alice", "secret")
            #expect(try await authenticator.verdict(user, password) == .wrong)
            try await gate.release()
            #expect(try await blocked.get().account == .named("alice"))
        }
    }

    @Test func `who waits when the threads end is answered`() async throws {
        try await withBlockedAuthenticator(waitingLimit: 3) { authenticator, gate in
            let answers = (0..<3).map { _ in authenticator.verify("alice", "secret") }
            // The first is no longer one of those who wait.
            #expect(await eventually { gate.isReached() })
            async let end: Void = authenticator.shutdown()
            for answer in answers.dropFirst() { #expect(try await answer.get() == .busy(retryAfter: .seconds(2))) }
            try await gate.release()
            #expect(try await answers[0].get().account == .named("alice"))
            await end
            #expect(try await authenticator.verdict("alice", "secret") == .busy(retryAfter: .seconds(2)))
        }
    }

    @Test func `a hash of an older method is replaced with the first right password, and nothing else is`() async throws
    {
        try await withTemporaryDirectory { directory in
            let file = try AccountFile.ofTests(in: directory)
            let text = "# team\nold garbage\n" + AccountFile.outdatedTextOfTests
            try Data(text.utf8).write(to: URL(filePath: file.path))
            let before = try file.load()
            let authenticator = Authenticator(file: file)
            #expect(try await authenticator.verdict("alice", "wrong") == .wrong)
            let verdicts = ["first", "at the same time"].map { _ in authenticator.verify("alice", "secret") }
            let answers = [try await verdicts[0].get(), try await verdicts[1].get()]
            let hash = try #require(try file.load()[.named("alice")])
            #expect(hash.hasPrefix("$y$"))
            // The tickets of these logins hold.
            let seal = authenticator.tickets.seal(of: .named("alice"), hash: hash)
            #expect(answers.allSatisfy { $0 == .right(.named("alice"), seal: seal) })
            var expected = before
            expected[.named("alice")] = hash
            #expect(try file.load() == expected)
            #expect(try await authenticator.verdict("alice", "secret").account == .named("alice"))
            #expect(try await authenticator.verdict("alice", "wrong") == .wrong)
            await authenticator.shutdown()
            #expect(try file.load() == expected)
        }
    }

    @Test func `guesses are slowed down, with the answer and about the time of a wrong password`() async throws {
        try await withGuardedAuthenticator { authenticator in
            let (attacker, owner) = try (address("192.0.2.1"), address("192.0.2.2"))
            for user in ["alice", "nobody"] {
                var verdicts: [RelaySession.Verdict] = []
                for _ in 0..<6 { verdicts.append(try await authenticator.verdict(user, "guess", attacker)) }
                // From here on they would wait: the right one is as wrong as the others.
                let answers = (0..<10).map { _ in authenticator.verify(user, "secret", attacker) }
                for answer in answers.dropFirst(3) { verdicts.append(try await answer.get()) }
                #expect(verdicts.allSatisfy { $0 == .wrong })
            }
            #expect(try await authenticator.verdict("alice", "secret", owner).account == .named("alice"))
        }
    }

    @Test func `guesses of this machine are slowed down only where that is asked for`() async throws {
        for counted in [CountedAddresses.allButLoopback, .all] {
            try await withGuardedAuthenticator(counted) { authenticator in
                let here = try address("127.0.0.1")
                try await authenticator.guess(8, from: here) { _ in "alice" }
                let last = try await authenticator.verdict("alice", "secret", here)
                #expect((last == .wrong) == (counted == .all))
            }
        }
    }

    @Test func `a restart does not forget who guessed, nor where the owner has been`() async throws {
        try await withTemporaryDirectory { directory in
            let (attacker, home) = try (address("192.0.2.1"), address("2001:db8::1"))
            let neighbour = try address("2001:db8::ffff")
            try await withGuardedAuthenticator(in: directory) { authenticator in
                #expect(try await authenticator.verdict("alice", "secret", home).account == .named("alice"))
                try await authenticator.guess(8, from: attacker) { _ in "alice" }
            }
            try await withGuardedAuthenticator(in: directory) { authenticator in
                #expect(try await authenticator.verdict("alice", "secret", attacker) == .wrong)
                try await authenticator.guess(30, from: neighbour) { "user\($0)" }
                #expect(try await authenticator.verdict("bob", "secret", home) == .wrong)
                #expect(try await authenticator.verdict("alice", "secret", home).account == .named("alice"))
            }
        }
    }

    private func address(_ text: String) throws -> SocketAddress {
        try SocketAddress(ipAddress: text, port: 1)
    }

    private func withGuardedAuthenticator(
        _ counted: CountedAddresses = .all,
        _ body: (Authenticator) async throws -> Void
    ) async throws {
        try await withTemporaryDirectory { try await withGuardedAuthenticator(counted, in: $0, body) }
    }

    private func withGuardedAuthenticator(
        _ counted: CountedAddresses = .all,
        in directory: String,
        _ body: (Authenticator) async throws -> Void
    ) async throws {
        let guardian = LoginGuard(
            counting: counted,
            store: try SQLiteGuessStore(path: directory + "/guesses.sqlite"),
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        )
        let authenticator = Authenticator(file: try AccountFile.ofTests(in: directory), guardian: guardian)
        do {
            try await body(authenticator)
        } catch {
            await authenticator.shutdown()
            throw error
        }
        await authenticator.shutdown()
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

    /// An authenticator whose one thread waits for the accounts until the gate is opened.
    private func withBlockedAuthenticator(
        waitingLimit: Int,
        _ body: (Authenticator, Gate) async throws -> Void
    ) async throws {
        try await withTemporaryDirectory { directory in
            let gate = Gate(in: directory)
            let file = AccountFile(path: gate.path)
            let authenticator = Authenticator(file: file, threads: 1, waitingLimit: waitingLimit)
            try await body(authenticator, gate)
            await authenticator.shutdown()
        }
    }
}

/// A password file that keeps waiting who reads it: a named pipe.
private final class Gate {
    let path: String
    private let directory: String
    private var pipe: Int32 = -1

    init(in directory: String) {
        (self.directory, path) = (directory, directory + "/accounts")
        #expect(mkfifo(path, 0o600) == 0)
    }

    /// Whether somebody waits for what is in the file.
    func isReached() -> Bool {
        // Without waiting, a pipe can be opened to write only when somebody reads it.
        if pipe < 0 { pipe = open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC) }
        return pipe >= 0
    }

    /// Gives the accounts to who waits for them.
    func release() async throws {
        try #require(await eventually { self.isReached() }, "nobody reads the accounts")
        let file = try AccountFile.ofTests(in: directory, named: "real")
        // Who looks next finds a file.
        #expect(rename(file.path, path) == 0)
        let handle = FileHandle(fileDescriptor: pipe, closeOnDealloc: true)
        try handle.write(contentsOf: Data(AccountFile.textOfTests.utf8))
        try handle.close()
    }
}

extension Authenticator {
    /// Guesses until no short pause is left that would be waited out.
    fileprivate func guess(_ count: Int, from address: SocketAddress, at user: (Int) -> String) async throws {
        for round in 0..<2 {
            let guesses = (0..<count).map { verify(user(round * count + $0), "guess", address) }
            for guess in guesses { #expect(try await guess.get() == .wrong) }
        }
    }

    fileprivate func verify(
        _ user: String,
        _ password: String,
        _ address: SocketAddress? = nil
    ) -> EventLoopFuture<RelaySession.Verdict> {
        verify(user: user, password: password, from: address, on: MultiThreadedEventLoopGroup.singleton.next())
    }

    fileprivate func verdict(
        _ user: String,
        _ password: String,
        _ address: SocketAddress? = nil
    ) async throws -> RelaySession.Verdict {
        try await verify(user, password, address).get()
    }
}

extension RelaySession.Verdict {
    /// Who was let in.
    fileprivate var account: AccountName? {
        if case .right(let name, _) = self { name } else { nil }
    }
}
