// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import FoundationEssentials
import Logging
import MeshCore
import MeshProgram
import NIOCore

@main
struct SignalingServer: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "signaling_server",
        abstract: "Keeps a list of devices, which register over HTTP to find each other.",
        discussion: """
            Without a subcommand it serves; `signaling_server serve --help` lists the options of that. Each can also be \
            given as a variable (SIGNALING_SERVER_PORT=8000) or in the file of --config (port: 8000).

            EXAMPLES
              signaling_server                   for this machine, on 127.0.0.1:8080
              signaling_server --host 0.0.0.0    for others too; devices need an enrolment key
              signaling_server enroll create     make such a key
              signaling_server --port 8000 --store memory --ttl 5m

              curl --json '{"id": "laptop", "port": 9000}' http://127.0.0.1:8080/register
              curl http://127.0.0.1:8080/devices
              curl -N http://127.0.0.1:8080/devices/watch
              curl -X DELETE http://127.0.0.1:8080/devices/laptop
            """,
        version: meshVersion,
        subcommands: [Serve.self, Enroll.self, Token.self, Devices.self, Watch.self, Remove.self],
        defaultSubcommand: Serve.self
    )
}

struct Serve: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Run the server (what signaling_server does by itself)."
    )

    @OptionGroup var options: ServerOptions
    @OptionGroup var common: CommonOptions

    func run() async throws {
        try await reportingFailures(of: "signaling_server") {
            let configuration = try await Configuration(options, common)
            let logger = startLogging(program: "signaling_server", level: configuration.logLevel)
            try await serve(configuration, logger: logger)
        }
    }
}
