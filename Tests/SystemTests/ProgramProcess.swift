// SPDX-License-Identifier: Apache-2.0

import Foundation

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// One of the built programs as a process, with files for what it writes and a pipe for what it reads.
final class ProgramProcess {
    private let process = Process()
    private let input = Pipe()
    private let outputFile: URL
    private let logFile: URL

    init(_ program: String, _ arguments: [String]) throws {
        let base = FileManager.default.temporaryDirectory.appending(path: "swift-mesh-\(UUID())")
        (outputFile, logFile) = (base.appendingPathExtension("out"), base.appendingPathExtension("log"))
        for file in [outputFile, logFile] { try Data().write(to: file) }
        process.executableURL = URL(filePath: CommandLine.arguments[0])
            .deletingLastPathComponent().appending(path: program)
        process.arguments = arguments
        process.standardInput = input
        process.standardOutput = try FileHandle(forWritingTo: outputFile)
        process.standardError = try FileHandle(forWritingTo: logFile)
        try process.run()
    }

    deinit {
        for file in [outputFile, logFile] { try? FileManager.default.removeItem(at: file) }
    }

    /// What it wrote to standard output.
    var output: String { (try? String(contentsOf: outputFile, encoding: .utf8)) ?? "" }
    /// What it wrote to standard error.
    var log: String { (try? String(contentsOf: logFile, encoding: .utf8)) ?? "" }
    var isRunning: Bool { process.isRunning }
    var exitCode: Int32 { process.terminationStatus }

    /// A figure of `/proc/…/status` in KiB, such as `VmRSS`, the memory it takes, or `VmHWM`, the most it ever took.
    func memory(_ name: String) throws -> Int {
        let status = try String(contentsOfFile: "/proc/\(process.processIdentifier)/status", encoding: .utf8)
        let line = status.split(separator: "\n").first { $0.hasPrefix("\(name):") }
        return line.flatMap { Int($0.filter(\.isNumber)) } ?? 0
    }

    func says(_ words: String) -> Bool { output.contains(words) }

    func says(_ words: some RegexComponent) -> Bool { output.firstMatch(of: words) != nil }

    func count(_ words: String) -> Int { output.ranges(of: words).count }

    func type(_ line: String) throws {
        try input.fileHandleForWriting.write(contentsOf: Data("\(line)\n".utf8))
    }

    func endInput() {
        try? input.fileHandleForWriting.close()
    }

    func signal(_ number: Int32) {
        if process.isRunning { send(number, to: process.processIdentifier) }
    }

    func kill() {
        signal(SIGKILL)
    }
}

/// `kill` by another name than the method's.
private func send(_ number: Int32, to process: pid_t) {
    _ = kill(process, number)
}
