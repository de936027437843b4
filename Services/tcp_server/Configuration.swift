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

    @Option(
        help: ArgumentHelp(
            "Web pages of other origins that may talk to the relay, with commas between them: https://chat.example.org.",
            valueName: "origins"
        )
    )
    var allowOrigin: String?

    @Option(help: ArgumentHelp("Connections at the same time. (default: 10000)", valueName: "number"))
    var maxConnections: Int?

    @Option(help: ArgumentHelp("How long a client may take to log in. (default: 10s)", valueName: "time"))
    var loginTimeout: TimeSpan?

    @Option(help: ArgumentHelp("How many messages the room remembers. (default: 1000)", valueName: "number"))
    var history: Int?

    @OptionGroup var common: CommonOptions
}

/// The relay's settings, all of them checked.
struct Configuration {
    var place: Relay.Place
    var accountFile: String
    var tls: TLSConfiguration
    var fingerprint: KeyFingerprint
    var logLevel: LogLevel

    static let program = "tcp_server"

    init(_ options: RelayOptions) async throws {
        var settings = try await Settings(program: Self.program, configFile: options.common.config)
        let maximumConnections = settings.value("max-connections", flag: options.maxConnections, default: 10_000)
        let history = settings.value("history", flag: options.history, default: 1_000)
        if maximumConnections < 1 { settings.fault("--max-connections must be at least 1") }
        if !(1...100_000).contains(history) { settings.fault("--history must be from 1 to 100000") }
        let host = settings.value("host", flag: options.host, default: "127.0.0.1")
        let origins = OriginRule.origins(in: settings.value("allow-origin", flag: options.allowOrigin, default: ""))
        if origins == nil { settings.fault("--allow-origin takes origins such as https://chat.example.org") }
        place = Relay.Place(
            host: host,
            port: settings.value("port", flag: options.port, default: 8_081),
            allowsPlaintext: settings.value(
                "allow-plaintext",
                flag: options.allowPlaintext ? true : nil,
                default: false
            ),
            origins: OriginRule(
                allowed: origins ?? [],
                isLoopback: Endpoint(host: host, port: 0)?.isLoopback ?? false
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
        logLevel = settings.value("log-level", flag: options.common.logLevel, default: LogLevel(.info))
        let certificate = settings.value("tls-certificate", flag: options.tlsCertificate)
        let key = settings.value("tls-key", flag: options.tlsKey)
        if (certificate == nil) != (key == nil) { settings.fault("--tls-certificate and --tls-key go together") }
        let directory = settings.value("state-dir", flag: options.common.stateDir)
        let accounts = settings.value("accounts", flag: options.accounts)
        try settings.check()
        let state = try StateDirectory.chosen(directory, program: Self.program)
        accountFile = accounts ?? state.file("accounts")
        (tls, fingerprint) = try Self.tls(certificate: certificate, key: key, state)
    }

    /// The certificate that was given, or our own.
    private static func tls(
        certificate: String?,
        key: String?,
        _ state: StateDirectory
    ) throws -> (TLSConfiguration, KeyFingerprint) {
        let chain: [NIOSSLCertificate]
        let privateKey: NIOSSLPrivateKey
        if let certificate, let key {
            do {
                chain = try NIOSSLCertificate.fromPEMFile(certificate)
                privateKey = try NIOSSLPrivateKey(file: key, format: .pem)
            } catch {
                throw ProgramFailure(
                    .configuration,
                    "can't use --tls-certificate \(certificate) and --tls-key \(key): \(error)"
                )
            }
        } else {
            do {
                let identity = try Identity.kept(in: state, commonName: "swift-mesh relay")
                chain = [try NIOSSLCertificate(bytes: Array(identity.certificatePEM.utf8), format: .pem)]
                privateKey = try NIOSSLPrivateKey(bytes: Array(identity.keyPEM.utf8), format: .pem)
            } catch {
                throw ProgramFailure(.cannotCreate, "no certificate: \(error)")
            }
        }
        guard let leaf = chain.first else {
            throw ProgramFailure(.configuration, "--tls-certificate holds no certificate")
        }
        return (
            .ofRelay(chain: chain, key: privateKey),
            KeyFingerprint(of: try leaf.extractPublicKey().toSPKIBytes())
        )
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
