// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Logging
import MeshAdmin
import MeshCore
import MeshProgram
import Metrics

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

            `tcp_server serve --help` tells all options of the relay. Each can also be set in the environment \
            (TCP_SERVER_PORT=9000) and in the file given with --config.
            """,
        version: meshVersion,
        subcommands: [
            Serve.self, User.self, RoomsCommand.self, WhoCommand.self, HistoryCommand.self, KickCommand.self,
        ],
        defaultSubcommand: Serve.self
    )
}

struct Serve: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Run the relay (what tcp_server does by itself).")

    @OptionGroup var options: RelayOptions

    func run() async throws {
        try await reportingFailures(of: Configuration.program) {
            var configuration = try await Configuration(options)
            let logger = startLogging(program: Configuration.program, level: configuration.logLevel.level)
            fit(&configuration.place, allowManyOpenFiles(), logger)
            let accounts = AccountFile(path: configuration.accountFile) { $0.log(of: "password file", logger) }
            let certificate = try ServerCertificate.chosen(configuration.certificate) {
                $0.log(of: "certificate", logger)
            }
            warn(about: accounts, logger)
            let metrics = PrometheusMetrics()
            MetricsSystem.bootstrap(metrics)
            Traffic.show()
            showRefusals()
            let relay = Relay(
                place: configuration.place,
                authenticator: Authenticator(
                    file: accounts,
                    tickets: try configuration.tickets(),
                    guardian: makeGuard(configuration, logger),
                    logger: logger
                ),
                store: try configuration.store(),
                certificate: certificate,
                logger: logger
            ) { address in
                let fingerprint = certificate.fingerprint?.description ?? "of no known kind"
                logger.notice(
                    "listening",
                    metadata: ["address": "\(address.endpoint)", "certificate": "\(fingerprint)"]
                )
            }
            let admin = AdminServer(
                port: configuration.adminPort,
                keepingAccessIn: configuration.state,
                surface: AdminSurface(metrics: metrics, isReady: relay.isReady, routes: relay.operatorRoutes),
                logger: logger
            )
            let watch = FileWatch(accounts: accounts, certificate: certificate, logger: logger)
            do {
                try await runServices([watch, relay, admin], patience: .seconds(2), logger: logger)
            } catch let fault as AdminPortFault {
                throw ProgramFailure(.unavailable, "\(fault)")
            }
        }
    }

    /// Who comes last must not find that the relay can't take anybody: it has to be able to say that it is full.
    private func fit(_ place: inout Relay.Place, _ openFiles: Int, _ logger: Logger) {
        let wanted = place.maximumConnections
        place.fit(openFiles: openFiles)
        if place.maximumConnections == wanted { return }
        logger.warning(
            "fewer connections than wanted: the system allows too few open files (see ulimit -n)",
            metadata: ["connections": "\(place.maximumConnections)", "open_files": "\(openFiles)"]
        )
    }

    private func makeGuard(_ configuration: Configuration, _ logger: Logger) -> LoginGuard {
        var store: SQLiteGuessStore?
        do {
            store = try SQLiteGuessStore(path: configuration.guesses)
        } catch {
            logger.warning(
                "a restart will forget who guessed passwords",
                metadata: ["file": "\(configuration.guesses)", "error": "\(error)"]
            )
        }
        return LoginGuard(counting: configuration.place.countedAddresses, store: store, logger: logger)
    }

    private func warn(about file: AccountFile, _ logger: Logger) {
        do {
            let accounts = try file.load()
            let unreadable = accounts.unreadableLines
            if !unreadable.isEmpty {
                let lines = unreadable.map { "\($0.number)" }.joined(separator: ", ")
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
