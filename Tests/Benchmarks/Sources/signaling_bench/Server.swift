// SPDX-License-Identifier: Apache-2.0

import Bench
import Foundation

/// A signaling_server that is measured.
final class Server {
    let process: ServerProcess
    private(set) var port: UInt16 = 0
    private let folder: URL

    /// Starts it in `folder`, and waits until it serves.
    init(_ program: String, folder: URL, options: [String] = []) throws {
        self.folder = folder
        port = try freePort()
        let command = [
            program, "--port", "\(port)", "--admin-port", "0", "--state-dir", folder.path(), "--key-rate", "100000",
        ]
        process = try ServerProcess(command + options, folder: folder)
        let serving = try eventually(within: 60) {
            if !process.isRunning { throw Failure("the server ended: \(process.lastWords)") }
            guard let connection = try? Connection(port: port) else { return false }
            return try connection.ask(request("GET", "/healthz", port: port)).status == 200
        }
        guard serving else { throw Failure("the server doesn't serve: \(process.lastWords)") }
    }

    /// Registers `count` devices, from the number `first` on, without signatures; 64 requests are under way at a time.
    func fill(_ count: Int, from first: Int = 0, ttl: Int = 86_400) throws {
        let connection = try Connection(port: port)
        for start in stride(from: first, to: first + count, by: 64) {
            let numbers = start..<min(start + 64, first + count)
            try connection.send(numbers.flatMap { registration($0, ttl: ttl) })
            for answer in try connection.answers(numbers.count) where answer.status != 201 && answer.status != 200 {
                throw Failure(
                    "a registration was answered with \(answer.status): \(String(decoding: answer.body, as: UTF8.self))"
                )
            }
        }
    }

    /// What a device of usual size says.
    func registration(_ number: Int, ttl: Int = 86_400, port: Int = 9000) -> [UInt8] {
        let body = """
            {"id":"device-\(String(format: "%08d", number))","name":"Device \(number)","port":\(port),"ttl":\(ttl),\
            "addresses":["192.0.2.\(number % 250 + 1):9000"],"metadata":{"role":"bench"}}
            """
        return request("POST", "/register", port: self.port, body: body)
    }
}

/// A folder that is there while `body` runs.
func withFolder<Value>(_ body: (URL) throws -> Value) throws -> Value {
    let folder = FileManager.default.temporaryDirectory.appending(path: "signaling-bench-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    return try body(folder)
}

func freePort() throws -> UInt16 {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    defer { close(descriptor) }
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    var size = socklen_t(MemoryLayout<sockaddr_in>.size)
    let result = withUnsafeMutablePointer(to: &address) { pointer in
        pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
            bind(descriptor, $0, size) + getsockname(descriptor, $0, &size)
        }
    }
    guard result == 0 else { throw Failure("no free port") }
    return UInt16(bigEndian: address.sin_port)
}
