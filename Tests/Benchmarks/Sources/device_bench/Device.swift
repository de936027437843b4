// SPDX-License-Identifier: Apache-2.0

import Bench
import Foundation
import Synchronization

/// A device as a process, told what to do and read line by line.
final class Device: Sendable {
    let name: String
    let folder: String
    private let process = Process()
    private let input = Pipe()
    private let said = Mutex(Said())

    private struct Said {
        var rest = Data()
        var lines: [(text: String, at: Int)] = []
        /// How many lines began so.
        var counts: [String: Int] = [:]
    }

    /// Only counts of lines that begin with one of `counted` are kept of those.
    init(_ program: String, name: String, folder: String, _ options: [String], counting counted: [String] = []) throws {
        (self.name, self.folder) = (name, folder)
        process.executableURL = URL(filePath: program)
        process.arguments = ["--name", name, "--state-dir", folder] + options
        process.standardInput = input
        let output = Pipe()
        process.standardOutput = output
        process.standardError = FileHandle.standardError
        output.fileHandleForReading.readabilityHandler = { [self] handle in
            let bytes = handle.availableData
            if bytes.isEmpty {
                handle.readabilityHandler = nil
            } else {
                took(bytes, counted, at: monotonicNanoseconds())
            }
        }
        try process.run()
    }

    var processID: Int32 { process.processIdentifier }

    func type(_ lines: String) throws {
        try input.fileHandleForWriting.write(contentsOf: Data((lines + "\n").utf8))
    }

    /// When a line with these words was said first.
    func saidAt(_ words: String) -> Int? { said.withLock { $0.lines.first { $0.text.contains(words) }?.at } }

    func lines(with words: String) -> [String] {
        said.withLock { $0.lines.map(\.text).filter { $0.contains(words) } }
    }

    func count(_ beginning: String) -> Int { said.withLock { $0.counts[beginning] ?? 0 } }

    func waitFor(_ words: String, within seconds: Int = 20) throws -> Int {
        let isSaid = eventually(within: seconds) { saidAt(words) != nil }
        guard isSaid, let time = saidAt(words) else { throw Failure("\(name) did not say '\(words)'") }
        return time
    }

    func stop() {
        guard process.isRunning else { return }
        process.terminate()
        process.waitUntilExit()
    }

    private func took(_ bytes: Data, _ counted: [String], at time: Int) {
        said.withLock { said in
            said.rest.append(bytes)
            var lines = said.rest.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
            said.rest = lines.popLast().map { Data($0) } ?? Data()
            for line in lines {
                let text = String(decoding: line, as: UTF8.self)
                if let beginning = counted.first(where: { text.hasPrefix($0) }) {
                    said.counts[beginning, default: 0] += 1
                } else {
                    said.lines.append((text, time))
                }
            }
        }
    }
}

/// Where devices are made, and how they find each other.
struct Place {
    let program: String
    let folder: String
    /// So that no other measurement's devices are found.
    let port = Int.random(in: 20_000...50_000)

    var multicast: [String] { ["--multicast", "--multicast-port", "\(port)", "--listen", "0.0.0.0:0"] }
    var broadcast: [String] { ["--broadcast", "--broadcast-port", "\(port)", "--listen", "0.0.0.0:0"] }

    func device(_ name: String, _ options: [String], counting: [String] = []) throws -> Device {
        try Device(program, name: name, folder: "\(folder)/\(name)-\(port)", options, counting: counting)
    }

    /// Asks a device that runs, and gives what it answers.
    func ask(_ device: Device, _ words: [String]) throws -> String {
        let process = Process()
        process.executableURL = URL(filePath: program)
        process.arguments = words + ["--state-dir", device.folder]
        let output = Pipe()
        process.standardOutput = output
        try process.run()
        let answer = output.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        return String(decoding: answer, as: UTF8.self)
    }
}
