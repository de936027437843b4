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
            Asks for a user name and a password, shows what others say, and says each line that is typed: first in the \
            lobby, where everyone is. A line that begins with a slash is a command: /join, /leave, /who, /msg and \
            /history; /help tells of them. `exit`, or Ctrl-D, leaves when everything typed was accepted. A connection \
            that is lost is made again; nothing typed meanwhile is lost, and nothing is shown twice.

            Without a terminal it is a filter: each line in is a message out, as it stands, in the lobby or where --room \
            says; only a line `exit` ends it before its end. With --commands the lines are read as at a terminal, and it \
            stops at one that is no command.

              tcp_client --user alice
              uptime | tcp_client --user alice --password-file ~/.mesh-password --room kitchen
              echo '/msg bob Done.' | tcp_client --user alice --password-file ~/.mesh-password --commands
              tcp_client --user alice --password-file ~/.mesh-password --format json

            The relay's certificate is remembered at the first meeting; if it changes, the client refuses and says what to \
            do. Each option can also be set in the environment (TCP_CLIENT_HOST=relay.example.org) and in the file given \
            with --config.

            It exits with 0 if everything was accepted, 64 if something is missing or wrong in the command, 65 if a line \
            was refused, 69 if the relay is not there or ended the session, 76 if its certificate changed, 77 if the login \
            was refused, and 78 if a file with settings or the password can't be read.
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
