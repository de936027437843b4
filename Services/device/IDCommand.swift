// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import MeshCore
import MeshProgram

struct IDCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "id",
        abstract: "Prints this device's id, which its key proves; makes the key where there is none yet."
    )

    @Flag(help: "Also as a QR code.")
    var qr = false

    @Option(
        help: ArgumentHelp(
            "The device's directory (default: $STATE_DIRECTORY, else under $XDG_STATE_HOME).",
            valueName: "directory"
        )
    )
    var stateDir: String?

    func run() async throws {
        try await reportingFailures(of: "device") {
            let directory = try StateDirectory.chosen(stateDir, program: "device")
            let id = try DeviceProgram.identity(in: directory).id.description
            print(id)
            if qr { print(try QRCode(id).text) }
        }
    }
}
