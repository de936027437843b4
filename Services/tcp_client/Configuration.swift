// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Foundation
import Logging
import MeshCore
import MeshProgram
import NIOCore

/// What the client can be told.
struct ClientOptions: ParsableArguments {
    @Option(help: "The relay's address or name. (default: 127.0.0.1)")
    var host: String?

    @Option(help: "The relay's TCP port. (default: 8081)")
    var port: UInt16?

    @Flag(inversion: .prefixedNo, help: "Speak TLS, and know the relay by its certificate. (default: --tls)")
    var tls: Bool?

    @Option(help: "The account's name. (default: asked for)")
    var user: String?

    @Option(
        help: ArgumentHelp(
            "A file whose first line is the password. (default: $MESH_PASSWORD_FILE, else asked for)",
            valueName: "file"
        )
    )
    var passwordFile: String?

    @Option(
        help: ArgumentHelp(
            "Where what is typed is said: a room, or @user for one person alone. (default: lobby)",
            valueName: "room"
        )
    )
    var room: String?

    @Flag(
        inversion: .prefixedNo,
        help: "Tell who joins and who leaves. (default: --presence at a terminal, else --no-presence)"
    )
    var presence: Bool?

    @Flag(help: "Without a terminal: take /join and the other commands too, not only texts.")
    var commands = false

    @Option(help: "What is written: text, or json (an object a line). (default: text)")
    var format: OutputFormat?

    @Option(help: ArgumentHelp("How long to look for a relay that was lost. (default: 10m)", valueName: "time"))
    var giveUpAfter: TimeSpan?

    @OptionGroup var common: CommonOptions
}

/// The client's settings, all of them checked.
struct Configuration {
    var relay: Endpoint
    var speaksTLS: Bool
    var user: String?
    var passwordFile: String?
    /// Where one talks at first.
    var room: RoomName
    /// Nil where it depends on who reads.
    var wantsPresence: Bool?
    var takesCommands: Bool
    var format: OutputFormat
    var patience: TimeAmount
    var state: StateDirectory

    static let program = "tcp_client"

    init(_ options: ClientOptions) async throws {
        try self.init(options, try await Settings(program: Self.program, configFile: options.common.config))
    }

    private init(_ options: ClientOptions, _ settings: Settings) throws {
        var settings = settings
        let host = settings.value("host", flag: options.host, default: "127.0.0.1")
        let port = settings.value("port", flag: options.port, default: 8_081)
        speaksTLS = settings.value("tls", flag: options.tls, default: true)
        user = settings.value("user", flag: options.user)
        let variable = ProcessInfo.processInfo.environment["MESH_PASSWORD_FILE"]
        passwordFile = settings.value("password-file", flag: options.passwordFile ?? variable)
        let room = settings.value("room", flag: options.room, default: RoomName.lobby.description)
        wantsPresence = settings.value("presence", flag: options.presence)
        takesCommands = settings.value("commands", flag: options.commands ? true : nil, default: false)
        format = settings.value("format", flag: options.format, default: .text)
        patience = settings.value("give-up-after", flag: options.giveUpAfter, default: TimeSpan(.minutes(10))).amount
        let directory = settings.value("state-dir", flag: options.common.stateDir)
        let relay = Endpoint(host: host, port: port)
        if relay == nil { settings.fault("--host '\(host.printable)' is neither an address nor a name") }
        if let user, AccountName(user) == nil { settings.fault("--user '\(user.printable)': \(AccountName.rule)") }
        do { self.room = try TypedLine.room(room) } catch {
            self.room = .lobby
            settings.fault("--room: \(error)")
        }
        try settings.check()
        guard let relay else { throw ProgramFailure(.configuration, "no relay") }
        self.relay = relay
        state = try StateDirectory.chosen(directory, program: Self.program)
    }
}
