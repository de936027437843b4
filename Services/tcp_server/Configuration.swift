// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Logging
import MeshCore
import MeshProgram
import NIOCore
import NIOSSL

/// What the relay can be told.
struct RelayOptions: ParsableArguments {
    @Option(help: "The address to listen on. (default: 127.0.0.1)")
    var host: String?

    @Option(help: "The TCP port to listen on; 0 takes a free one. (default: 8081)")
    var port: UInt16?

    @Option(
        help: ArgumentHelp(
            "The password file: lines of name:crypt-hash. (default: accounts in the state directory)",
            valueName: "file"
        )
    )
    var accounts: String?

    @Option(
        help: ArgumentHelp(
            "A certificate chain in PEM. (default: self-signed, made on the first start)",
            valueName: "file"
        )
    )
    var tlsCertificate: String?

    @Option(help: ArgumentHelp("The key of --tls-certificate, in PEM.", valueName: "file"))
    var tlsKey: String?

    @Flag(help: "Take passwords without TLS from other machines too. Anybody on the way can read them.")
    var allowPlaintext = false

    @Option(help: ArgumentHelp("Connections at the same time. (default: 10000)", valueName: "number"))
    var maxConnections: Int?

    @Option(help: ArgumentHelp("Connections of one address at the same time. (default: 256)", valueName: "number"))
    var maxPerAddress: Int?

    @Option(
        help: ArgumentHelp(
            "Connections of one address that have not logged in yet. (default: 10)",
            discussion: "An IPv6 address counts as its first 64 bits.",
            valueName: "number"
        )
    )
    var maxPendingPerAddress: Int?

    @Flag(help: "Let the limits of one address, and those of guessing, hold for this machine's own addresses too.")
    var limitLoopback = false

    @Option(
        help: ArgumentHelp(
            "How long a client may take to log in, from the beginning of its connection. (default: 10s)",
            valueName: "time"
        )
    )
    var loginTimeout: TimeSpan?

    @Option(
        help: ArgumentHelp(
            "Messages a second that one account may publish; 0 for any number. (default: 1000)",
            discussion: "Five times as many may come at once.",
            valueName: "number"
        )
    )
    var publishRate: Int?

    @Option(help: ArgumentHelp("How many messages the room remembers. (default: 1000)", valueName: "number"))
    var history: Int?

    @OptionGroup var common: CommonOptions
}

/// The relay's settings, all of them checked.
struct Configuration {
    var place: Relay.Place
    var accountFile: String
    var certificate: Certificate
    var guesses: String
    var logLevel: LogLevel

    enum Certificate {
        case files(ServerCertificate.Files)
        /// Self-signed, kept in the state directory.
        case own(StateDirectory)
    }

    static let program = "tcp_server"

    init(_ options: RelayOptions) async throws {
        var settings = try await Settings(program: Self.program, configFile: options.common.config)
        let maximumConnections = settings.value("max-connections", flag: options.maxConnections, default: 10_000)
        let history = settings.value("history", flag: options.history, default: 1_000)
        if maximumConnections < 1 { settings.fault("--max-connections must be at least 1") }
        if !(1...100_000).contains(history) { settings.fault("--history must be from 1 to 100000") }
        let perAddress = settings.value("max-per-address", flag: options.maxPerAddress, default: 256)
        let pending = settings.value("max-pending-per-address", flag: options.maxPendingPerAddress, default: 10)
        let publishRate = settings.value(
            "publish-rate",
            flag: options.publishRate,
            default: PublishRate.standard.perSecond
        )
        if perAddress < 1 { settings.fault("--max-per-address must be at least 1") }
        if pending < 1 { settings.fault("--max-pending-per-address must be at least 1") }
        if publishRate != 0, !PublishRate.range.contains(publishRate) {
            settings.fault("--publish-rate must be from 0 to \(PublishRate.range.upperBound)")
        }
        place = Relay.Place(
            host: settings.value("host", flag: options.host, default: "127.0.0.1"),
            port: settings.value("port", flag: options.port, default: 8_081),
            allowsPlaintext: settings.value(
                "allow-plaintext",
                flag: options.allowPlaintext ? true : nil,
                default: false
            ),
            maximumConnections: maximumConnections,
            loginTime: settings.value(
                "login-timeout",
                flag: options.loginTimeout,
                default: TimeSpan(RelayLimits.loginTime)
            )
            .amount,
            retention: RoomLog.Retention(messages: history, bytes: 8 * 1_024 * 1_024)
        )
        place.perAddress = perAddress
        place.guestsPerAddress = pending
        let limitsLoopback = settings.value(
            "limit-loopback",
            flag: options.limitLoopback ? true : nil,
            default: false
        )
        place.countedAddresses = limitsLoopback ? .all : .allButLoopback
        place.publishRate = publishRate == 0 ? nil : PublishRate(perSecond: publishRate)
        logLevel = settings.value("log-level", flag: options.common.logLevel, default: LogLevel(.info))
        let certificate = settings.value("tls-certificate", flag: options.tlsCertificate)
        let key = settings.value("tls-key", flag: options.tlsKey)
        if (certificate == nil) != (key == nil) { settings.fault("--tls-certificate and --tls-key go together") }
        let directory = settings.value("state-dir", flag: options.common.stateDir)
        let accounts = settings.value("accounts", flag: options.accounts)
        try settings.check()
        let state = try StateDirectory.chosen(directory, program: Self.program)
        accountFile = accounts ?? state.file("accounts")
        guesses = state.file("guesses.sqlite")
        if let certificate, let key {
            self.certificate = .files(ServerCertificate.Files(certificate: certificate, key: key))
        } else {
            self.certificate = .own(state)
        }
    }

    /// The password file alone, for the commands that keep it.
    static func accountFile(_ options: RelayOptions) async throws -> AccountFile {
        var settings = try await Settings(program: program, configFile: options.common.config)
        let accounts = settings.value("accounts", flag: options.accounts)
        let directory = settings.value("state-dir", flag: options.common.stateDir)
        try settings.check()
        if let accounts { return AccountFile(path: accounts) }
        return AccountFile(path: try StateDirectory.chosen(directory, program: program).file("accounts"))
    }
}

extension ServerCertificate {
    /// The certificate that is configured.
    static func chosen(
        _ choice: Configuration.Certificate,
        report: @escaping @Sendable (Rereading) -> Void
    ) throws(ProgramFailure) -> ServerCertificate {
        switch choice {
        case .files(let files):
            do {
                return try ServerCertificate(files, report: report)
            } catch {
                throw ProgramFailure(
                    .configuration,
                    "can't use --tls-certificate \(files.certificate) and --tls-key \(files.key): \(error)"
                )
            }
        case .own(let directory):
            do {
                return try ServerCertificate(Identity.kept(in: directory, commonName: "swift-mesh relay"))
            } catch {
                throw ProgramFailure(.cannotCreate, "no certificate: \(error)")
            }
        }
    }
}

extension TLSConfiguration {
    /// How the relay speaks TLS, with a certificate of its own.
    static func ofRelay(chain: [NIOSSLCertificate], key: NIOSSLPrivateKey) -> TLSConfiguration {
        var configuration = makeServerConfiguration(
            certificateChain: chain.map { .certificate($0) },
            privateKey: .privateKey(key)
        )
        configuration.minimumTLSVersion = .tlsv12
        // How long a client may take to answer the end of TLS: one that doesn't must not hold up the relay's own end.
        configuration.shutdownTimeout = .milliseconds(500)
        return configuration
    }
}
