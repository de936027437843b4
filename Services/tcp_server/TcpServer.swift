// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Logging
import MeshCore
import MeshProgram
import NIOSSL

@main
struct TcpServer: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: Configuration.program,
        abstract: "A chat relay: what one client says, all others are told.",
        discussion: """
            Make an account, start the relay, and talk to it with tcp_client, or with nc:

              tcp_server user add alice
              tcp_server
              nc 127.0.0.1 8081

            One port takes TLS and plaintext, and in either the lines that nc speaks, JSON (one object a line) and the \
            binary frames of tcp_client. Passwords are taken without TLS from this machine only.

            Each option can also be set in the environment (TCP_SERVER_PORT=9000) and in the file given with --config.
            """,
        version: meshVersion,
        subcommands: [Serve.self, User.self],
        defaultSubcommand: Serve.self
    )
}

struct Serve: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Run the relay (what tcp_server does by itself).")

    @OptionGroup var options: RelayOptions

    func run() async throws {
        try await reportingFailures(of: Configuration.program) {
            let configuration = try await Configuration(options)
            let logger = startLogging(program: Configuration.program, level: configuration.logLevel.level)
            allowManyOpenFiles()
            warn(about: AccountFile(path: configuration.accountFile), logger)
            let relay = Relay(
                place: configuration.place,
                authenticator: Authenticator(
                    file: AccountFile(path: configuration.accountFile),
                    tickets: try configuration.tickets()
                ),
                store: try configuration.store(),
                tls: try NIOSSLContext(configuration: configuration.tls),
                logger: logger
            ) { address in
                logger.notice(
                    "listening",
                    metadata: ["address": "\(address.endpoint)", "certificate": "\(configuration.fingerprint)"]
                )
            }
            try await runServices([relay], patience: .seconds(2), logger: logger)
        }
    }

    private func warn(about file: AccountFile, _ logger: Logger) {
        do {
            let accounts = try file.load()
            let unreadable = accounts.unreadableLines
            if !unreadable.isEmpty {
                let lines = unreadable.map { "\($0)" }.joined(separator: ", ")
                logger.warning("lines of the password file are no accounts", metadata: ["lines": "\(lines)"])
            }
            if accounts.all.isEmpty {
                logger.warning(
                    "nobody can log in: add an account with `tcp_server user add NAME`",
                    metadata: ["accounts": "\(file.path)"]
                )
            }
        } catch {
            logger.warning("nobody can log in until the password file can be read", metadata: ["error": "\(error)"])
        }
    }
}
