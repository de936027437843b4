// SPDX-License-Identifier: Apache-2.0

import Foundation
import Logging
import MeshCore
import MeshProgram

/// The agent as a program: its identity, its port, and its tasks.
struct DeviceProgram {
    private let configuration: Configuration

    init(_ configuration: Configuration) {
        self.configuration = configuration
    }

    func run() async throws {
        let directory = try StateDirectory.chosen(
            configuration.stateDirectory,
            program: configuration.node.map { "device-\($0)" } ?? "device"
        )
        guard try directory.lock() else {
            throw ProgramFailure(
                .tryAgain,
                "another device uses \(directory.path): give this one a directory of its own with --state-dir"
            )
        }
        allowManyOpenFiles()
        let logger = startLogging(program: "device", level: configuration.logLevel)
        let identity = try Self.identity(in: directory)
        // Whoever reads our output may leave first; that is seen where it is written.
        signal(SIGPIPE, SIG_IGN)
        let completions = Completions()
        let console = configuration.readsCommands ? try Console.standard(completions) : Console.plain
        defer { console.close() }
        let service = DeviceService(
            configuration: configuration,
            identity: identity,
            directory: directory,
            console: console,
            completions: completions,
            logger: logger
        )
        try await runServices([MemoryReturn(of: .heapAndProgram), service], patience: .seconds(3), logger: logger)
    }

    static func identity(in directory: StateDirectory) throws -> Identity {
        do {
            return try Identity.kept(in: directory, commonName: "device")
        } catch {
            throw ProgramFailure(.badInput, "\(error)")
        }
    }
}
