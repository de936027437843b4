// SPDX-License-Identifier: Apache-2.0

import Bench
import Glibc

/// A connection that stays open, on which one request is answered after another.
final class Connection {
    let descriptor: Int32
    private var buffer: [UInt8] = []
    private var chunk = [UInt8](repeating: 0, count: 65_536)

    init(port: UInt16) throws {
        descriptor = try connectedSocket(port: port)
    }

    deinit {
        close(descriptor)
    }

    /// The status and the body.
    func ask(_ request: [UInt8]) throws -> (status: Int, body: ArraySlice<UInt8>) {
        try send(request)
        let answers = try answers(1)
        guard let answer = answers.first else { throw Failure("no answer") }
        return answer
    }

    func send(_ bytes: [UInt8]) throws {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
            guard count > 0 else { throw Failure("the server closed the connection") }
            rest = rest.dropFirst(count)
        }
    }

    /// The next answers, in turn.
    func answers(_ count: Int) throws -> [(status: Int, body: ArraySlice<UInt8>)] {
        var answers: [(status: Int, body: ArraySlice<UInt8>)] = []
        while answers.count < count {
            if let answer = nextAnswer() { answers.append(answer) } else { try receive() }
        }
        return answers
    }

    /// Waits for bytes, and takes those that are there.
    func receive() throws {
        let received = chunk.withUnsafeMutableBytes { read(descriptor, $0.baseAddress, $0.count) }
        guard received > 0 else { throw Failure("the server closed the connection") }
        buffer += chunk[..<received]
    }

    /// Of what was received.
    func nextAnswer() -> (status: Int, body: ArraySlice<UInt8>)? {
        guard let (status, body, end) = Self.answer(in: buffer) else { return nil }
        defer { buffer.removeFirst(end) }
        return (status, buffer[body])
    }

    /// Looks at the bytes as they are: the generator shares the processors with what it measures.
    private static func answer(in bytes: [UInt8]) -> (Int, Range<Int>, Int)? {
        bytes.withUnsafeBytes { buffer in
            guard let last = place(of: "\r\n\r\n", in: buffer, from: 0) else { return nil }
            let end = last + 4
            let head = UnsafeRawBufferPointer(rebasing: buffer[..<end])
            let field = place(of: "-Length: ", in: head, from: 0) ?? place(of: "-length: ", in: head, from: 0)
            let length = field.map { number(in: head, from: $0 + 9) } ?? 0
            guard buffer.count >= end + length else { return nil }
            return (number(in: head, from: 9), end..<(end + length), end + length)
        }
    }

    private static func number(in bytes: UnsafeRawBufferPointer, from start: Int) -> Int {
        var value = 0
        for byte in bytes[start...] {
            guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) else { break }
            value = value * 10 + Int(byte) - 48
        }
        return value
    }
}

/// A request as it goes over the wire.
func request(
    _ method: String,
    _ target: String,
    port: UInt16,
    headers: [String] = [],
    body: String = ""
) -> [UInt8] {
    let type = body.isEmpty ? [] : ["Content-Type: application/json"]
    let lines =
        ["\(method) \(target) HTTP/1.1", "Host: 127.0.0.1:\(port)", "Accept: application/json"] + type + headers
    return Array((lines + ["Content-Length: \(body.utf8.count)", "", body]).joined(separator: "\r\n").utf8)
}

func connectedSocket(port: UInt16) throws -> Int32 {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    guard descriptor >= 0 else { throw Failure("no socket: \(String(cString: strerror(errno)))") }
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = port.bigEndian
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    let result = withUnsafePointer(to: &address) { pointer in
        pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
            connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
        }
    }
    guard result == 0 else {
        let reason = String(cString: strerror(errno))
        close(descriptor)
        throw Failure("can't connect: \(reason)")
    }
    var one: Int32 = 1
    setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &one, socklen_t(MemoryLayout<Int32>.size))
    return descriptor
}
