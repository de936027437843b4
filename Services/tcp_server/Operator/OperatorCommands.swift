// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Foundation
import MeshAdmin
import MeshCore
import MeshProgram

/// Which relay an operator's command is for, and how it writes what it learns.
struct OperatorOptions: ParsableArguments {
    @Option(help: "text for people, json (an object a line) for programs.")
    var format = OutputFormat.text

    @OptionGroup var common: CommonOptions

    /// What the relay that runs with the state directory says to a request.
    func ask(_ request: AdminRequest) async throws -> String {
        var settings = try await Settings(program: Configuration.program, configFile: common.config)
        let directory = settings.value("state-dir", flag: common.stateDir)
        try settings.check()
        let state = try StateDirectory.chosen(directory, program: Configuration.program)
        let client: AdminClient?
        do { client = try await AdminClient.ofRunningProgram(in: state) } catch {
            throw ProgramFailure(.notPermitted, "\(error)")
        }
        guard let client else {
            throw ProgramFailure(
                .unavailable,
                "no tcp_server runs with \(state.path): start one, or name its directory with --state-dir"
            )
        }
        let reply = try await client.ask(request)
        guard reply.status < 300 else {
            throw ProgramFailure(.badInput, reply.text.trimmingCharacters(in: .whitespacesAndNewlines))
        }
        return reply.text
    }

    /// Writes rows as a table, or as an object a line.
    func write<Row: Codable>(_ rows: [Row], _ headings: [String], _ cells: (Row) -> [String]) throws {
        switch format {
        case .json:
            for row in rows { print(try row.json()) }
        case .text:
            var table = TextTable(headings)
            for row in rows { table.add(cells(row)) }
            print(table.text)
        }
    }
}

/// The command `tcp_server rooms`.
struct RoomsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rooms",
        abstract: "List the rooms of the relay that runs."
    )
    @OptionGroup var options: OperatorOptions

    func run() async throws {
        try await reportingFailures(of: Configuration.program) {
            let rooms = try [RoomFigures](json: await options.ask(AdminRequest("GET", path: ["rooms"])))
            try options.write(rooms, ["ROOM", "FIRST", "LAST", "PEOPLE", "CLIENTS", "MEMORY"]) { room in
                [room.room] + ["\(room.first)", "\(room.last)", "\(room.people)", "\(room.clients)"]
                    + ["\((room.memory + 1_023) / 1_024) KiB"]
            }
        }
    }
}

/// The command `tcp_server who`.
struct WhoCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "who",
        abstract: "List the clients that are logged in to the relay that runs."
    )
    @Argument(help: "Only those in this room.") var room: String?
    @OptionGroup var options: OperatorOptions

    func run() async throws {
        try await reportingFailures(of: Configuration.program) {
            let query = room.map { ["room": $0] } ?? [:]
            let answer = try await options.ask(AdminRequest("GET", path: ["clients"], query: query))
            try options.write([ClientFigures](json: answer), ["USER", "FROM", "DIALECT", "SINCE", "ROOMS"]) { client in
                [
                    client.user, client.address, client.dialect, client.since.ISO8601Format(),
                    client.rooms.joined(separator: " "),
                ]
            }
        }
    }
}

/// The command `tcp_server history`.
struct HistoryCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "history",
        abstract: "Show the newest messages of a room, from the relay that runs."
    )
    @Argument(help: "The room.") var room = "lobby"
    @Option(help: ArgumentHelp("Only messages older than this one.", valueName: "sequence")) var before: UInt64?
    @Option(help: ArgumentHelp("How many, at the most 100.", valueName: "number")) var limit = 100
    @OptionGroup var options: OperatorOptions

    func validate() throws {
        if !(1...100).contains(limit) { throw ValidationError("--limit must be from 1 to 100") }
    }

    func run() async throws {
        try await reportingFailures(of: Configuration.program) {
            var query = ["limit": "\(limit)"]
            if let before { query["before"] = "\(before)" }
            let request = AdminRequest("GET", path: ["rooms", room, "history"], query: query)
            let messages = try [MessageFigures](json: await options.ask(request))
            switch options.format {
            case .json: try options.write(messages, []) { _ in [] }
            case .text:
                for message in messages {
                    let text = message.text.printable
                    print("\(message.sequence)  \(message.time.ISO8601Format())  [\(message.sender)]: \(text)")
                }
            }
        }
    }
}

/// The command `tcp_server kick`.
struct KickCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "kick",
        abstract: "End all sessions of an account at the relay that runs.",
        discussion: """
            Its clients are told, and don't come back by themselves; its tickets hold no longer. With its password it may \
            log in again: take that with `tcp_server user passwd` or `tcp_server user remove`.
            """
    )
    @Argument(help: "The account's name.") var name: String
    @OptionGroup var options: OperatorOptions

    func run() async throws {
        try await reportingFailures(of: Configuration.program) {
            let ended = try await options.ask(AdminRequest("POST", path: ["accounts", name, "kick"]))
            print("Ended \(ended == "1" ? "1 session" : "\(ended) sessions") of \(name).")
        }
    }
}
