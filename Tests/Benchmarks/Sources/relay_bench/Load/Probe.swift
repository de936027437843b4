// SPDX-License-Identifier: Apache-2.0

import Bench
import Glibc

/// A client of tcp_server that asks a thousand times a second whether it is still there.
///
/// The longest wait is no shorter than the longest turn of the event loop that it is on.
enum Probe {
    static func start(port: UInt16, number: Int) throws -> Background<Histogram> {
        let dialect = Mesh(password: Setup.password)
        let fleet = Fleet(port: port, dialect: dialect)
        try fleet.grow(to: 1, role: .idler, firstNumber: number)
        let socket = fleet.takeLast()
        return Background { shared in
            defer { close(socket) }
            return try ask(socket) { shared.goesOn }
        }
    }

    private static func ask(_ socket: Int32, while goesOn: () -> Bool) throws -> Histogram {
        var histogram = Histogram()
        var reader = Receiver(socket: socket)
        defer { reader.deallocate() }
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 16, alignment: 16)
        defer { buffer.deallocate() }
        while goesOn() {
            let start = monotonicNanoseconds()
            try Socket.send(Mesh.ping, to: socket)
            while try pongs(&reader, buffer) == 0 {
                guard monotonicNanoseconds() - start < 20_000_000_000 else { throw Failure("no answer for 20 s") }
            }
            histogram.record(nanoseconds: monotonicNanoseconds() - start)
            poll(nil, 0, 1)
        }
        return histogram
    }

    private static func pongs(_ reader: inout Receiver, _ buffer: UnsafeMutableRawBufferPointer) throws -> Int {
        var interest = pollfd(fd: reader.socket, events: Int16(POLLIN), revents: 0)
        poll(&interest, 1, 1_000)
        switch reader.read(into: buffer) {
        case .nothing: return 0
        case .closed(let reason): throw Failure("the probe lost its connection: \(reason)")
        case .bytes(let count):
            let bytes = UnsafeRawBufferPointer(rebasing: buffer[..<count])
            let scan = Mesh.scanPongs(bytes)
            _ = reader.keep(.init(rebasing: bytes[scan.consumed...]))
            return scan.messages
        }
    }
}
