// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Logging
import MeshAdmin
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

    @Option(
        help: ArgumentHelp(
            "Web pages of other origins that may talk to the relay, with commas between them: https://chat.example.org.",
            valueName: "origins"
        )
    )
    var allowOrigin: OriginList?

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

    @Option(help: ArgumentHelp("Clients of one account at the same time. (default: 16)", valueName: "number"))
    var clientsPerAccount: Int?

    @Option(
        help: ArgumentHelp(
            "What an acknowledged message survives: memory (nothing), stored (the end of the process), synced (a loss "
                + "of power). (default: stored)"
        )
    )
    var durability: Durability?

    @Option(help: ArgumentHelp("How many messages of a room a newcomer is shown. (default: 1000)", valueName: "number"))
    var history: Int?

    @Option(help: ArgumentHelp("How many messages of a room are kept. (default: 1000000)", valueName: "number"))
    var retainMessages: Int?

    @Option(help: ArgumentHelp("How long messages are kept. (default: 30d)", valueName: "time"))
    var retainAge: TimeSpan?

    @Option(help: ArgumentHelp("How many bytes of a room are kept. (default: 268435456)", valueName: "bytes"))
    var retainBytes: Int?

    @Option(help: ArgumentHelp("How many rooms there may be. (default: 10000)", valueName: "number"))
    var maxRooms: Int?

    @Option(help: ArgumentHelp("In how many rooms a client may be. (default: 64)", valueName: "number"))
    var roomsPerClient: Int?

    @Option(
        help: ArgumentHelp(
            "For how long a client may come back without its password. (default: 24h)",
            valueName: "time"
        )
    )
    var ticketLife: TimeSpan?

    @Flag(help: "Tell clients of the lines dialect, too, who comes and goes.")
    var linesPresence = false

    @Option(
        help: ArgumentHelp(
            "The port, on 127.0.0.1 alone, of /healthz, /readyz, /metrics and the operator's commands; 0 takes a free "
                + "one. (default: 9081, or a free one where that is taken)",
            valueName: "port"
        )
    )
    var adminPort: UInt16?

    @OptionGroup var common: CommonOptions
}

/// What an acknowledged message survives.
enum Durability: String, CaseIterable, ExpressibleByArgument {
    case memory, stored, synced
}

/// The relay's settings, all of them checked.
struct Configuration {
    var place: Relay.Place
    var accountFile: String
    var durability: Durability
    var retention: Retention
    var ticketLife: TimeAmount
    var adminPort = AdminServer.Port.preferably(9_081)
    var state: StateDirectory
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
        place = Relay.Place(
            host: settings.value("host", flag: options.host, default: "127.0.0.1"),
            port: settings.value("port", flag: options.port, default: 8_081)
        )
        place.read(options, &settings)
        durability = settings.value("durability", flag: options.durability, default: .stored)
        retention = Retention(options, &settings)
        let day = TimeSpan(.hours(24))
        ticketLife = settings.value("ticket-life", flag: options.ticketLife, default: day).amount
        logLevel = settings.value("log-level", flag: options.common.logLevel, default: LogLevel(.info))
        if let port = settings.value("admin-port", flag: options.adminPort) { adminPort = .exactly(port) }
        let certificate = settings.value("tls-certificate", flag: options.tlsCertificate)
        let key = settings.value("tls-key", flag: options.tlsKey)
        if (certificate == nil) != (key == nil) { settings.fault("--tls-certificate and --tls-key go together") }
        let directory = settings.value("state-dir", flag: options.common.stateDir)
        let accounts = settings.value("accounts", flag: options.accounts)
        try settings.check()
        state = try StateDirectory.chosen(directory, program: Self.program)
        accountFile = accounts ?? state.file("accounts")
        guesses = state.file("guesses.sqlite")
        if let certificate, let key {
            self.certificate = .files(ServerCertificate.Files(certificate: certificate, key: key))
        } else {
            self.certificate = .own(state)
        }
    }

    /// What keeps the messages: a database in the state directory, or nothing.
    func store() throws -> any MessageStore {
        if durability == .memory { return MemoryStore() }
        // Two processes that number the same messages would give one number to two.
        guard try state.lock() else {
            throw ProgramFailure(
                .unavailable,
                "another tcp_server uses \(state.path); choose another with --state-dir"
            )
        }
        let isSynced = durability == .synced
        do {
            return try SQLiteMessageStore(path: state.file("messages.sqlite"), isSynced: isSynced, retention: retention)
        } catch {
            throw ProgramFailure(.cannotCreate, "\(error)")
        }
    }

    /// Whose key is in the state directory, so that tickets outlive the relay.
    func tickets() throws -> Tickets {
        do {
            return try Tickets(life: ticketLife.nanoseconds / 1_000_000_000, keptIn: state)
        } catch {
            throw ProgramFailure(.cannotCreate, "no tickets: \(error)")
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

extension Relay.Place {
    fileprivate mutating func read(_ options: RelayOptions, _ settings: inout Settings) {
        allowsPlaintext = settings.value(
            "allow-plaintext",
            flag: options.allowPlaintext ? true : nil,
            default: allowsPlaintext
        )
        origins.allow(settings.value("allow-origin", flag: options.allowOrigin, default: OriginList()).origins)
        tellsLinesPresence = settings.value(
            "lines-presence",
            flag: options.linesPresence ? true : nil,
            default: tellsLinesPresence
        )
        loginTime = settings.value("login-timeout", flag: options.loginTimeout, default: TimeSpan(loginTime)).amount
        maximumConnections = settings.number("max-connections", options.maxConnections, default: maximumConnections)
        clientsPerAccount = settings.number(
            "clients-per-account",
            options.clientsPerAccount,
            default: clientsPerAccount
        )
        rooms.history = settings.number("history", options.history, default: rooms.history)
        rooms.rooms = settings.number("max-rooms", options.maxRooms, default: rooms.rooms)
        rooms.roomsPerClient = settings.number(
            "rooms-per-client",
            options.roomsPerClient,
            default: rooms.roomsPerClient
        )
        if rooms.history > 100_000 { settings.fault("--history must be from 1 to 100000") }
        perAddress = settings.number("max-per-address", options.maxPerAddress, default: perAddress)
        guestsPerAddress = settings.number(
            "max-pending-per-address",
            options.maxPendingPerAddress,
            default: guestsPerAddress
        )
        let limitsLoopback = settings.value(
            "limit-loopback",
            flag: options.limitLoopback ? true : nil,
            default: false
        )
        countedAddresses = limitsLoopback ? .all : .allButLoopback
        publishRate = .read(options, &settings)
    }
}

extension PublishRate {
    /// Nil for none.
    fileprivate static func read(_ options: RelayOptions, _ settings: inout Settings) -> PublishRate? {
        let rate = settings.value("publish-rate", flag: options.publishRate, default: standard.perSecond)
        if rate == 0 { return nil }
        if !range.contains(rate) { settings.fault("--publish-rate must be from 0 to \(range.upperBound)") }
        return PublishRate(perSecond: rate)
    }
}

extension Retention {
    fileprivate init(_ options: RelayOptions, _ settings: inout Settings) {
        messages = settings.number("retain-messages", options.retainMessages, default: messages)
        bytes = settings.number("retain-bytes", options.retainBytes, default: bytes)
        age = settings.value("retain-age", flag: options.retainAge, default: TimeSpan(age)).amount
    }
}

extension Settings {
    /// A number that is at least 1.
    fileprivate mutating func number(_ name: String, _ flag: Int?, default: Int) -> Int {
        let number = value(name, flag: flag, default: `default`)
        if number < 1 { fault("--\(name) must be at least 1") }
        return number
    }
}

/// The origins in a list with commas between them.
struct OriginList: ExpressibleByArgument {
    var origins: Set<String> = []

    init() {}

    init?(argument: String) {
        guard let origins = OriginRule.origins(in: argument) else { return nil }
        self.origins = origins
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
