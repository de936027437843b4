// SPDX-License-Identifier: Apache-2.0

import Bench
import Glibc

/// Clients of tcp_server that come back by ticket, all at once, and catch up.
final class Returning {
    private let dialect = Mesh(password: "")
    private let poller = Poller()
    private var receivers: [Receiver] = []
    private let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 18, alignment: 16)

    deinit {
        for receiver in receivers {
            close(receiver.socket)
            receiver.deallocate()
        }
        buffer.deallocate()
    }

    /// Connects each of `sessions` and waits until each was given the messages with these numbers, and nothing else.
    func comeBack(_ sessions: [Mesh.Session], to port: UInt16, missed: Range<Int>) throws {
        for (index, session) in sessions.enumerated() {
            let socket = try Socket.connect(port: port, number: index)
            try Socket.send(session.hello, to: socket)
            Socket.setNonBlocking(socket)
            receivers.append(Receiver(socket: socket))
            receivers[index].next = missed.lowerBound
            poller.add(socket, tag: index)
        }
        let deadline = monotonicNanoseconds() + 60_000_000_000
        var waiting = sessions.count
        while waiting > 0 {
            guard monotonicNanoseconds() < deadline else { throw Failure("\(waiting) clients are not back after 60 s") }
            for event in 0..<poller.wait(nanoseconds: 100_000_000) {
                let index = poller.tag(event)
                if try read(index), receivers[index].next == missed.upperBound { waiting -= 1 }
            }
        }
    }

    /// Whether messages came.
    private func read(_ index: Int) throws -> Bool {
        switch receivers[index].read(into: buffer) {
        case .nothing: return false
        case .closed(let reason): throw Failure("client \(index) lost its connection: \(reason)")
        case .bytes(let count):
            let bytes = UnsafeRawBufferPointer(rebasing: buffer[..<count])
            let scan = dialect.scan(bytes)
            if let complaint = scan.complaint { throw Failure("client \(index) was told: \(complaint)") }
            guard receivers[index].keep(.init(rebasing: bytes[scan.consumed...])) else {
                throw Failure("client \(index) was sent too long a frame")
            }
            if scan.messages == 0 { return false }
            receivers[index].next += scan.messages
            let last = Payload.number(in: .init(rebasing: bytes[scan.lastMessage..<scan.consumed])) ?? -1
            guard last == receivers[index].next - 1 else {
                throw Failure("client \(index) was given message \(last) for \(receivers[index].next - 1)")
            }
            return true
        }
    }
}
