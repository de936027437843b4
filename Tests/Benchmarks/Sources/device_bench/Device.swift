// SPDX-License-Identifier: Apache-2.0

import Bench
import Foundation
import Synchronization

/// A device as a process, told what to do and read line by line.
final class Device: Sendable {
    let name: String
    let folder: String
    private let counted: [String]
    private let process = Process()
    private let input = Pipe()
    private let said = Mutex(Said())

    private struct Said {
        var rest: [UInt8] = []
        var lines: [(text: String, at: Int)] = []
        /// How many lines began as each of those that are counted.
        var counts: [Int: Int] = [:]
    }

    /// Only counts of lines that begin with one of `counted` are kept of those.
    init(_ program: String, name: String, folder: String, _ options: [String], counting counted: [String] = []) throws {
        (self.name, self.folder, self.counted) = (name, folder, counted)
        process.executableURL = URL(filePath: program)
        process.arguments = ["--name", name, "--state-dir", folder] + options
        process.standardInput = input
        let output = Pipe()
        process.standardOutput = output
        process.standardError = FileHandle.standardError
        // As much as fits: who is measured is not to wait for who measures.
        for end in [input.fileHandleForWriting, output.fileHandleForReading] {
            _ = fcntl(end.fileDescriptor, Self.setPipeSize, 1 << 20)
        }
        try process.run()
        // So that its end is seen when the device has ended.
        try? output.fileHandleForWriting.close()
        let prefixes = counted.map { Array($0.utf8) }
        Thread { [self] in
            var bytes = [UInt8](repeating: 0, count: 1 << 20)
            while true {
                let count = read(output.fileHandleForReading.fileDescriptor, &bytes, bytes.count)
                if count <= 0 { return }
                took(bytes[..<count], prefixes, at: monotonicNanoseconds())
            }
        }.start()
    }

    /// F_SETPIPE_SZ, which is no name in Swift.
    private static let setPipeSize: Int32 = 1031

    var processID: Int32 { process.processIdentifier }

    func type(_ lines: String) throws { try type(Data((lines + "\n").utf8)) }

    func type(_ bytes: Data) throws { try input.fileHandleForWriting.write(contentsOf: bytes) }

    /// When a line with these words was said first.
    func saidAt(_ words: String) -> Int? { said.withLock { $0.lines.first { $0.text.contains(words) }?.at } }

    func lines(with words: String) -> [String] {
        said.withLock { $0.lines.map(\.text).filter { $0.contains(words) } }
    }

    func count(_ beginning: String) -> Int {
        guard let index = counted.firstIndex(of: beginning) else { return 0 }
        return said.withLock { $0.counts[index] ?? 0 }
    }

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

    func kill() {
        Glibc.kill(process.processIdentifier, SIGKILL)
        process.waitUntilExit()
    }

    private func took(_ bytes: ArraySlice<UInt8>, _ counted: [[UInt8]], at time: Int) {
        said.withLock { said in
            said.rest += bytes
            var begin = 0
            said.rest.withUnsafeBytes { all in
                while let end = all.end(ofLineAt: begin) {
                    let line = all[begin..<end]
                    begin = end + 1
                    if let beginning = counted.firstIndex(where: { line.starts(with: $0) }) {
                        said.counts[beginning, default: 0] += 1
                    } else {
                        said.lines.append((String(decoding: line, as: UTF8.self), time))
                    }
                }
            }
            said.rest.removeFirst(begin)
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

extension UnsafeRawBufferPointer {
    fileprivate func end(ofLineAt begin: Int) -> Int? {
        guard begin < count, let start = baseAddress, let end = memchr(start + begin, 0x0A, count - begin) else {
            return nil
        }
        return start.distance(to: UnsafeRawPointer(end))
    }
}
