// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Foundation
import MeshCore
import MeshProgram
import NIOCore

@main
struct DeviceCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "device",
        abstract: "Joins the mesh: registers this machine, finds the others, and talks to them over mutual TLS 1.3.",
        discussion: """
            EXAMPLES
              device
                  joins by the signaling server at http://127.0.0.1:8080
              device --signaling http://mesh.example.org:8080 --listen 0.0.0.0:9000
                  joins by another, and can be reached from other machines
              device --multicast
                  joins without a server: finds the others on this network, and is found by them
              device --scan 192.168.1.0/24:8880-8885
                  asks each address of a network for a device that runs with --master
              device list
                  prints who is registered, and leaves
              device set greeting hello
                  sets a key of the store that all devices share, by the agent that runs here
              echo 'send kitchen hello' | device
                  sends one text, and leaves

            While it runs, type 'help'. Without a terminal it reads commands from its standard input, one a line, and \
            leaves when that ends; a text for a device that is not connected yet waits up to 10 s for it. It exits with 0 if \
            all was done, 75 if a text is only kept for later, 69 if something could not be done, 64 for a line that is \
            no command, 65 for a key, a value or a text that is not valid. As a service \
            it runs with --no-prompt. What people read goes to standard output, the log to standard error.

            'device help run' shows all options. Each can also be set in the environment (DEVICE_LISTEN) or in the \
            file given with --config (listen: 0.0.0.0:9000).
            """,
        version: meshVersion,
        subcommands: [
            RunCommand.self, IDCommand.self, ListCommand.self, PeersCommand.self, SendCommand.self, PingCommand.self,
            SetCommand.self,
            GetCommand.self, DeleteCommand.self, KeysCommand.self, WatchCommand.self, ExplainCommand.self,
            MasterCommand.self, DiscoveryCommand.self,
        ],
        defaultSubcommand: RunCommand.self
    )
}

/// The options of an agent.
struct RunOptions: ParsableArguments {
    @Argument(
        help: ArgumentHelp("Reads ID, TCP_PORT, UDP_PORT and MASTER from the file .env.<number>.", valueName: "number")
    )
    var node: UInt16?

    @Option(
        help: ArgumentHelp(
            "The signaling server (default: \(Configuration.defaultSignaling), where no other way to find devices is asked for).",
            valueName: "url"
        )
    )
    var signaling: SignalingAddress?

    @Option(
        help: ArgumentHelp(
            "Where other devices reach this one (default: \(Configuration.defaultListen), or a free port if that is taken; with a way to find devices on the network, the same port on all addresses).",
            valueName: "address:port"
        )
    )
    var listen: Endpoint?

    @Option(help: ArgumentHelp("What people call this device (default: the host's name).", valueName: "name"))
    var name: String?

    @Option(
        help: ArgumentHelp(
            "After so much silence a sign of life is sent; after three, a silent peer is given up (default: 5s).",
            valueName: "time"
        )
    )
    var heartbeat: TimeSpan?

    @Option(
        help: ArgumentHelp(
            "A file with the enrolment key that lets this device in, where the signaling server asks for one (or DEVICE_ENROLLMENT_KEY).",
            valueName: "file"
        )
    )
    var enrollmentKeyFile: String?

    @Option(
        help: ArgumentHelp(
            "How long the registration lives without a sign of life (default: the server's).",
            valueName: "time"
        )
    )
    var ttl: TimeSpan?

    @Flag(help: "Lets devices connect that the signaling server does not list, whatever their proven id.")
    var acceptUnlisted = false

    @Flag(help: "Lets who proves no id speak by WebSocket (/ws), as the earlier p2p program's peers do.")
    var allowPlaintextPeers = false

    @Flag(help: "Answers the earlier key-value program's JSON messages to other machines too, not to this one alone.")
    var allowJson = false

    @OptionGroup(title: "Finding devices without a server") var discovery: DiscoveryOptions

    @Option(
        name: .customLong("allow"),
        help: ArgumentHelp("Talks to this device only; may be given several times.", valueName: "id")
    )
    var allowed: [DeviceIDArgument] = []

    @Flag(help: "Takes no commands: runs until it is told to stop.")
    var noPrompt = false

    @OptionGroup var common: CommonOptions
}

struct RunCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run",
        abstract: "Runs the agent until 'exit', the end of its input, or SIGTERM (the default)."
    )

    @OptionGroup var options: RunOptions

    func run() async throws {
        StandardStreams.openMissing()
        // A device is one program among many: one thread for its connections, one for what it decides and keeps.
        NIOSingletons.groupLoopCountSuggestion = 1
        try await reportingFailures(of: "device") {
            let configuration = try await Configuration(options)
            try await DeviceProgram(configuration).run()
        }
    }
}

struct ListCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "Prints the devices that the signaling server lists."
    )

    /// How a list is printed.
    enum Format: String, ExpressibleByArgument, CaseIterable {
        case table
        case json
    }

    @Option(help: ArgumentHelp("The signaling server (default: \(Configuration.defaultSignaling)).", valueName: "url"))
    var signaling: SignalingAddress?

    @Option(help: "table for people, json for programs.")
    var format = Format.table

    @OptionGroup var common: CommonOptions

    func run() async throws {
        try await reportingFailures(of: "device") {
            var settings = try await Settings(program: "device", configFile: common.config)
            let address = try Configuration.chosenSignaling(flag: signaling, from: &settings)
            let directory = settings.value("state-dir", flag: common.stateDir)
            try settings.check()
            print(try await text(from: address, stateDirectory: directory))
        }
    }

    /// Where devices are enrolled, only they may ask: what is kept of this one signs.
    private func text(from address: SignalingAddress, stateDirectory: String?) async throws -> String {
        let directory = try? StateDirectory.chosen(stateDirectory, program: "device")
        let identity = try directory.flatMap { try Identity.ifKept(in: $0, commonName: "device") }
        let client = SignalingClient(address, key: identity?.key, patience: .seconds(5))
        do {
            let records = try await client.devices(unless: nil)?.records ?? []
            await client.shutdown()
            return format == .json ? DeviceListing.json(records) : DeviceListing.table(records)
        } catch {
            await client.shutdown()
            throw ProgramFailure(
                .unavailable,
                "the signaling server \(address) can't be asked: \(error): name another with --signaling"
            )
        }
    }
}
