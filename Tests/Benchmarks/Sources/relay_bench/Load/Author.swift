// SPDX-License-Identifier: Apache-2.0

import Bench
import Glibc

/// A client of tcp_server that publishes and waits until all is accepted.
final class Author {
    private let fleet: Fleet
    private let dialect: Mesh
    private var payload: Payload
    private let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 16, alignment: 16)

    init(_ server: Server) throws {
        fleet = try server.publisher()
        dialect = Mesh(password: Setup.password)
        payload = Payload(dialect: dialect, textBytes: 128)
    }

    deinit {
        buffer.deallocate()
    }

    /// Publishes the messages with these numbers.
    func publish(_ numbers: Range<Int>) throws {
        let socket = fleet.sockets[0]
        var output: [UInt8] = []
        for number in numbers { payload.append(number, to: &output) }
        try Socket.send(output, to: socket)
        var reader = Receiver(socket: socket)
        defer { reader.deallocate() }
        var accepted = 0
        let isAccepted = try eventually(within: 20) {
            if case .bytes(let count) = reader.read(into: buffer) {
                let bytes = UnsafeRawBufferPointer(rebasing: buffer[..<count])
                let scan = dialect.scanAnswers(bytes)
                if let complaint = scan.complaint { throw Failure("the publisher was told: \(complaint)") }
                accepted += scan.messages
                _ = reader.keep(.init(rebasing: bytes[scan.consumed...]))
            }
            return accepted == numbers.count
        }
        guard isAccepted else { throw Failure("\(accepted) of \(numbers.count) messages were accepted") }
    }
}
