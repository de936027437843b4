// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Foundation
import MeshCore
import MeshProgram

/// What all commands have that the running agent answers.
struct AskOptions: ParsableArguments {
    @Option(help: "text for people, json for programs.")
    var format = OutputFormat.text

    @Option(
        help: ArgumentHelp(
            "The agent's directory (default: $STATE_DIRECTORY, else under $XDG_STATE_HOME).",
            valueName: "directory"
        )
    )
    var stateDir: String?

    func ask(_ command: @autoclosure () throws -> AgentCommand) async throws {
        try await reportingFailures(of: "device") {
            let directory = try StateDirectory.chosen(stateDir, program: "device")
            let request = ControlRequest(command: try command(), format: format)
            try await ControlConnection(path: directory.file(ControlLimits.socket)).ask(request)
        }
    }
}

struct SetCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "set",
        abstract: "Sets a key of the store that all devices share; without a value, to what the standard input has."
    )

    @Argument var key: String
    @Argument var value: String?
    @OptionGroup var options: AskOptions

    func run() async throws {
        try await options.ask(.set(key: key, value: try bytes()))
    }

    private func bytes() throws -> Data {
        // One byte more than is allowed is enough to see that it is too much.
        if let value { return Data(value.utf8.prefix(StoreLimits.value + 1)) }
        return try FileHandle.standardInput.read(upToCount: StoreLimits.value + 1) ?? Data()
    }
}

struct GetCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "get", abstract: "Prints the value of a key.")

    @Argument var key: String
    @OptionGroup var options: AskOptions

    func run() async throws { try await options.ask(.get(key)) }
}

struct DeleteCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "del", abstract: "Deletes a key, at all devices.")

    @Argument var key: String
    @OptionGroup var options: AskOptions

    func run() async throws { try await options.ask(.delete(key)) }
}

struct KeysCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "keys",
        abstract: "Prints the keys that have a value, one a line."
    )

    @Argument(help: "Only those that begin so.") var prefix = ""
    @OptionGroup var options: AskOptions

    func run() async throws { try await options.ask(.keys(prefix: prefix, after: nil)) }
}

struct WatchCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "watch",
        abstract: "Prints each change of the store, until it is interrupted."
    )

    @Argument(help: "Only of keys that begin so.") var prefix = ""
    @OptionGroup var options: AskOptions

    func run() async throws { try await options.ask(.watch(prefix)) }
}

struct PeersCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "peers",
        abstract: "Prints the devices that the agent knows, and its sessions with them."
    )

    @OptionGroup var options: AskOptions

    func run() async throws { try await options.ask(.peers) }
}

struct ExplainCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "explain",
        abstract: "Prints each address of a device, what became of the last dial, and what was chosen."
    )

    @Argument(help: "Its name, or the first digits of its id.") var device: String
    @OptionGroup var options: AskOptions

    func run() async throws { try await options.ask(.explain(device)) }
}

struct MasterCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "master",
        abstract: "Prints which device is master, since which term, and how many agree."
    )

    @OptionGroup var options: AskOptions

    func run() async throws { try await options.ask(.master) }
}

struct DiscoveryCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "discovery",
        abstract: "Prints what came by each way of finding devices, and what was skipped."
    )

    @OptionGroup var options: AskOptions

    func run() async throws { try await options.ask(.discovery) }
}

struct SendCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "send",
        abstract: "Sends a text to a device, or to 'all'."
    )

    @Argument(help: "Its name, or the first digits of its id.") var device: String
    @Argument var text: String
    @OptionGroup var options: AskOptions

    func run() async throws { try await options.ask(.send(to: device, text: text)) }
}

struct PingCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ping",
        abstract: "Measures a round trip to a device."
    )

    @Argument(help: "Its name, or the first digits of its id.") var device: String
    @Option(help: ArgumentHelp("How often, one after the other.", valueName: "number")) var count = 1
    @OptionGroup var options: AskOptions

    func validate() throws {
        if count < 1 { throw ValidationError("--count takes a number from 1 on") }
    }

    func run() async throws {
        for _ in 0..<count { try await options.ask(.ping(device)) }
    }
}
