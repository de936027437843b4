// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Foundation
import MeshCore
import MeshProgram

/// `tcp_server user …`: keeps the password file.
struct User: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Keep the password file.",
        discussion: """
            The password is asked for at the terminal, or is the first line of standard input; never an argument, which \
            others on the machine could see. A relay that runs notices a change by itself.
            """,
        subcommands: [Add.self, Passwd.self, Remove.self, List.self]
    )

    struct Add: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Add an account.")
        @Argument(help: "The account's name.") var name: String
        @OptionGroup var options: RelayOptions

        func run() async throws {
            try await changing(options, name) { accounts, name in
                guard accounts[name] == nil else {
                    throw ProgramFailure(
                        .badInput,
                        "there is an account \(name) already: change its password with `tcp_server user passwd \(name)`"
                    )
                }
                accounts[name] = try newHash(for: name)
            }
            print("Added \(name).")
        }
    }

    struct Passwd: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Change an account's password.")
        @Argument(help: "The account's name.") var name: String
        @OptionGroup var options: RelayOptions

        func run() async throws {
            try await changing(options, name) { accounts, name in
                guard accounts[name] != nil else { throw noSuchAccount(name) }
                accounts[name] = try newHash(for: name)
            }
            print("Changed the password of \(name).")
        }
    }

    struct Remove: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Remove an account.")
        @Argument(help: "The account's name.") var name: String
        @OptionGroup var options: RelayOptions

        func run() async throws {
            try await changing(options, name) { accounts, name in
                guard accounts[name] != nil else { throw noSuchAccount(name) }
                accounts[name] = nil
            }
            print("Removed \(name).")
        }
    }

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List the accounts, and which of them can log in.")
        @OptionGroup var options: RelayOptions

        func run() async throws {
            try await reportingFailures(of: Configuration.program) {
                let file = try await Configuration.accountFile(options)
                let accounts: Accounts
                do { accounts = try file.load() } catch { throw ProgramFailure(.inputOutput, "\(error)") }
                for (name, hash) in accounts.all {
                    print(PasswordHash.isAccepted(hash) ? "\(name)" : "\(name) (can't log in: no accepted hash)")
                }
            }
        }
    }
}

/// Changes one account in the password file.
private func changing(
    _ options: RelayOptions,
    _ text: String,
    _ body: (inout Accounts, AccountName) throws -> Void
) async throws {
    try await reportingFailures(of: Configuration.program) {
        guard let name = AccountName(text) else {
            throw ProgramFailure(.badInput, "'\(text.printable)' is no name for an account: \(AccountName.rule)")
        }
        let file = try await Configuration.accountFile(options)
        do {
            try file.change { try body(&$0, name) }
        } catch let fault as FileFault {
            throw ProgramFailure(.cannotCreate, "\(fault)")
        }
    }
}

private func noSuchAccount(_ name: AccountName) -> ProgramFailure {
    ProgramFailure(.badInput, "there is no account \(name): see `tcp_server user list`")
}

/// Asks for a password, twice at a terminal, and hashes it.
private func newHash(for name: AccountName) throws -> String {
    guard let password = try readPassword(prompt: "Password for \(name): "), !password.isEmpty else {
        throw ProgramFailure(.badInput, "no password was given: type one, or pass it as a line of standard input")
    }
    if isatty(STDIN_FILENO) == 1, try readPassword(prompt: "Again: ") != password {
        throw ProgramFailure(.badInput, "the two passwords differ: nothing was changed")
    }
    guard password.utf8.count <= PasswordHash.longestPassword else {
        throw ProgramFailure(.badInput, "the password is longer than \(PasswordHash.longestPassword) bytes")
    }
    guard let hash = PasswordHash.make(password) else {
        throw ProgramFailure(.system, "libcrypt can't make a hash of this password")
    }
    return hash
}
