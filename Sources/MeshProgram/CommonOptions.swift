// SPDX-License-Identifier: Apache-2.0

package import ArgumentParser
package import Logging
package import MeshCore

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// The options that all four programs have.
package struct CommonOptions: ParsableArguments {
    @Option(help: ArgumentHelp("A YAML file with settings, named like the options.", valueName: "file"))
    package var config: String?

    @Option(
        help: ArgumentHelp(
            "Where keys and data are kept (default: $STATE_DIRECTORY, else under $XDG_STATE_HOME).",
            valueName: "directory"
        )
    )
    package var stateDir: String?

    @Option(
        help: ArgumentHelp(
            "What to log: trace, debug, info, notice, warning, error or critical.",
            valueName: "level"
        )
    )
    package var logLevel: LogLevel?

    package init() {}
}

/// A log level as an option.
package struct LogLevel: ExpressibleByArgument, Sendable {
    package let level: Logger.Level

    package init(_ level: Logger.Level) {
        self.level = level
    }

    package init?(argument: String) {
        guard let level = Logger.Level(rawValue: argument) else { return nil }
        self.level = level
    }
}

extension StateDirectory {
    /// The directory named by a setting, else `$STATE_DIRECTORY` (systemd sets it), else
    /// `$XDG_STATE_HOME/swift-mesh/<program>`, else `~/.local/state/swift-mesh/<program>`; made where it isn't there.
    package static func chosen(_ setting: String?, program: String) throws(ProgramFailure) -> StateDirectory {
        do {
            return try StateDirectory(path: path(setting, program: program))
        } catch {
            throw ProgramFailure(.cannotCreate, "\(error): give a directory that can be written with --state-dir")
        }
    }

    private static func path(_ setting: String?, program: String) -> String {
        if let setting { return setting }
        if let directory = variable("STATE_DIRECTORY") { return directory }
        if let directory = variable("XDG_STATE_HOME") { return "\(directory)/swift-mesh/\(program)" }
        return "\(variable("HOME") ?? ".")/.local/state/swift-mesh/\(program)"
    }

    private static func variable(_ name: String) -> String? {
        guard let value = unsafe getenv(name) else { return nil }
        let text = unsafe String(cString: value)
        return text.isEmpty ? nil : text
    }
}

/// Sends the log to standard error, from `level` up.
package func startLogging(program: String, level: Logger.Level) -> Logger {
    LoggingSystem.bootstrap { label in
        var handler = StreamLogHandler.standardError(label: label)
        handler.logLevel = level
        return handler
    }
    return Logger(label: program)
}
