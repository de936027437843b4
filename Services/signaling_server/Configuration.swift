// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
package import Logging
package import MeshAdmin
package import MeshCore
import MeshProgram
package import NIOCore

/// The settings of the program, checked.
package struct Configuration: Sendable {
    package var host = "127.0.0.1"
    package var port: UInt16 = 8080
    /// Further names that clients may call this server by, where it listens on loopback.
    package var serverNames: [String] = []
    /// Nil stands for a file in the state directory.
    package var store: StoreSetting?
    package var stateDirectory: String?
    /// The life of a record whose device names none.
    package var ttl = TimeAmount.seconds(60)
    package var enrollment = Enrollment.open
    /// Where the operator's listener is.
    package var adminPort = AdminServer.Port.preferably(9_080)
    package var logLevel = Logger.Level.notice

    package init() {}

    /// Whether only this machine can reach the server.
    package var isLoopback: Bool { Endpoint(host: host, port: port)?.isLoopback ?? false }
}

extension Configuration {
    /// Reads the settings; fails with all of their faults.
    init(_ options: ServerOptions, _ common: CommonOptions) async throws {
        self.init()
        var settings = try await Settings(program: "signaling_server", configFile: common.config)
        host = settings.value("host", flag: options.host, default: host)
        port = settings.value("port", flag: options.port, default: port)
        let names = settings.value("server-name", flag: options.serverName) ?? ""
        serverNames = names.split(separator: ",").map(String.init)
        store = settings.value("store", flag: options.store)
        stateDirectory = settings.value("state-dir", flag: common.stateDir)
        logLevel = settings.value("log-level", flag: common.logLevel, default: LogLevel(logLevel)).level
        let byDefault: Enrollment = isLoopback ? .open : .closed
        enrollment = settings.value("enrollment", flag: options.enrollment, default: byDefault)
        ttl = settings.value("ttl", flag: options.ttl, default: TimeSpan(ttl)).amount
        if let port = settings.value("admin-port", flag: options.adminPort) { adminPort = .exactly(port) }
        if Endpoint(host: host, port: port) == nil {
            settings.fault("host is '\(host.printable)', which is neither an address nor a name")
        }
        let bounds = RegistrationLimits.ttl
        if ttl < .seconds(Int64(bounds.lowerBound)) || ttl > .seconds(Int64(bounds.upperBound)) {
            settings.fault("ttl is \(TimeSpan(ttl)), but must be from \(bounds.lowerBound)s to \(bounds.upperBound)s")
        }
        try settings.check()
    }
}

/// Where the records are kept: `sqlite:PATH` or `memory`.
package enum StoreSetting: Equatable, Sendable, ExpressibleByArgument {
    case memory
    case sqlite(path: String)

    package init?(argument: String) {
        if argument == "memory" {
            self = .memory
        } else if argument.hasPrefix("sqlite:"), argument.count > "sqlite:".count {
            self = .sqlite(path: String(argument.dropFirst("sqlite:".count)))
        } else {
            return nil
        }
    }
}

extension Enrollment: ExpressibleByArgument {}
