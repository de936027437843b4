// SPDX-License-Identifier: Apache-2.0

package import Foundation

/// A program that is measured, and what the operating system says about it.
package final class ServerProcess {
    private let process: Process
    private let log: URL

    /// Starts `command`, the program first, with all that it says in a file of `folder`.
    package init(_ command: [String], folder: URL) throws {
        log = folder.appending(path: "log")
        try Data().write(to: log)
        process = Process()
        process.executableURL = URL(filePath: command[0])
        process.arguments = Array(command.dropFirst())
        let output = try FileHandle(forWritingTo: log)
        process.standardOutput = output
        process.standardError = output
        process.standardInput = FileHandle.nullDevice
        try process.run()
    }

    package var id: Int32 { process.processIdentifier }
    package var isRunning: Bool { process.isRunning }

    /// Processor time of all its threads, those that ended too, in nanoseconds.
    package var processorNanoseconds: Int {
        var clock = clockid_t()
        var time = timespec()
        guard clock_getcpuclockid(id, &clock) == 0, clock_gettime(clock, &time) == 0 else { return 0 }
        return time.nanoseconds
    }

    /// Bytes of it that are in memory.
    package var residentBytes: Int { memory("VmRSS") }

    /// The most that ever were.
    package var peakResidentBytes: Int { memory("VmHWM") }

    private func memory(_ name: String) -> Int {
        let status = (try? String(contentsOfFile: "/proc/\(id)/status", encoding: .utf8)) ?? ""
        let line = status.split(separator: "\n").first { $0.hasPrefix("\(name):") }
        let kibibytes = line?.split(whereSeparator: \.isWhitespace).dropFirst().first.flatMap { Int($0) }
        return (kibibytes ?? 0) * 1024
    }

    /// The last of what it said.
    package var lastWords: String {
        let text = (try? String(contentsOf: log, encoding: .utf8)) ?? ""
        return text.split(separator: "\n").suffix(10).joined(separator: "\n")
    }

    /// Ends it; kills it if it does not end within five seconds.
    package func stop() {
        guard process.isRunning else { return }
        process.terminate()
        if !eventually(within: 5, { !process.isRunning }) { kill() }
    }

    /// Interrupts it, as Ctrl-C does, and waits for its end.
    package func interrupt() {
        process.interrupt()
        process.waitUntilExit()
    }

    package func kill() {
        Glibc.kill(id, SIGKILL)
        process.waitUntilExit()
    }
}
