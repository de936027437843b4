// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Foundation
import MeshProgram
import TestSupport
import Testing

@testable import tcp_client

@Suite struct LoginTests {
    @Test func `a script gives the name and a file with the password, and has one attempt`() async throws {
        try await withTemporaryDirectory { directory in
            let file = directory + "/password"
            for text in ["correct horse", "correct horse\n", "correct horse\r\nsecond line\n"] {
                try Data(text.utf8).write(to: URL(filePath: file))
                let login = try await login(["--user", "alice", "--password-file", file], directory)
                let answer = await login.ask()
                #expect(answer?.user == "alice")
                #expect(answer?.password == "correct horse")
                #expect(login.attempts == 1)
            }
        }
    }

    @Test func `without a terminal nothing can be asked for`() async throws {
        try await withTemporaryDirectory { directory in
            let file = directory + "/password"
            try Data("secret".utf8).write(to: URL(filePath: file))
            for arguments in [[], ["--user", "alice"], ["--password-file", file]] {
                let failure = await #expect(throws: ProgramFailure.self) { try await login(arguments, directory) }
                #expect(failure?.kind == .usage)
            }
        }
    }

    @Test func `a password file that can't be read is a fault that names it`() async throws {
        try await withTemporaryDirectory { directory in
            let failure = await #expect(throws: ProgramFailure.self) {
                try await login(["--user", "alice", "--password-file", directory], directory)
            }
            #expect(failure?.kind == .configuration)
            #expect(failure.map { "\($0)" }?.contains(directory) == true)
        }
    }

    @Test func `a person may mistype a password, but not a file`() async throws {
        try await withTemporaryDirectory { directory in
            let file = directory + "/password"
            try Data("secret".utf8).write(to: URL(filePath: file))
            let asked = try await login([], directory, isInteractive: true)
            #expect(asked.attempts == 3)
            let given = try await login(["--user", "a", "--password-file", file], directory, isInteractive: true)
            #expect(given.attempts == 1)
        }
    }

    @Test(arguments: [["--user", "al ice"], ["--host", "a b"], ["--user", ""]])
    func `what can be no name is a fault before anything is asked`(arguments: [String]) async throws {
        try await withTemporaryDirectory { directory in
            let failure = await #expect(throws: ProgramFailure.self) { try await login(arguments, directory) }
            #expect(failure?.kind == .configuration)
        }
    }

    private func login(
        _ arguments: [String],
        _ directory: String,
        isInteractive: Bool = false
    ) async throws -> Login {
        let options = try ClientOptions.parse(arguments + ["--state-dir", directory])
        return try Login(try await Configuration(options), isInteractive: isInteractive)
    }
}
