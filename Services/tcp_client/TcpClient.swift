// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Dispatch
import Foundation
import MeshCore
import MeshProgram
import NIOCore
import NIOPosix
import NIOSSL

@main
struct TcpClient: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: Configuration.program,
        abstract: "Chat over a tcp_server.",
        discussion: """
            Asks for a user name and a password, shows what others say, and sends each line that is typed. `exit`, or \
            Ctrl-D, leaves when everything typed was accepted. A connection that is lost is made again; nothing typed \
            meanwhile is lost.

            Without a terminal it is a filter: lines in are messages out.

              tcp_client --user alice
              uptime | tcp_client --user alice --password-file ~/.mesh-password
              tcp_client --user alice --password-file ~/.mesh-password --format json

            The relay's certificate is remembered at the first meeting; if it changes, the client refuses and says what to \
            do. Each option can also be set in the environment (TCP_CLIENT_HOST=relay.example.org) and in the file given \
            with --config.

            It exits with 0 if everything was accepted, 65 if a text was refused, 69 if the relay is not there, 76 if its \
            certificate changed, and 77 if the login was refused.
            """,
        version: meshVersion
    )

    @OptionGroup var options: ClientOptions

    func run() async throws {
        try await reportingFailures(of: Configuration.program) {
            let configuration = try await Configuration(options)
            try await Chat(configuration).run()
        }
    }
}
