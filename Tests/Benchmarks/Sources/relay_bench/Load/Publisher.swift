// SPDX-License-Identifier: Apache-2.0

import Bench
import Glibc

/// The client that publishes: what it has yet to send, and how much was accepted.
struct Publisher {
    var reader: Receiver
    /// Messages that the server said it accepted, if it says so.
    var accepted = 0
    private var payload: Payload
    private var output: [UInt8] = []
    private var sent = 0

    var socket: Int32 { reader.socket }
    var hasOutput: Bool { sent < output.count }

    init(socket: Int32, payload: Payload) {
        reader = Receiver(socket: socket)
        self.payload = payload
    }

    /// Puts the message with this number behind what is to be sent.
    mutating func publish(_ number: Int) {
        payload.append(number, to: &output)
    }

    /// Sends as much as the socket takes.
    mutating func flush() throws {
        while sent < output.count {
            let count = output[sent...].withUnsafeBytes {
                Glibc.send(socket, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            if count < 0, errno == EAGAIN { return }
            guard count > 0 else { throw Failure("the publisher can't send: \(Socket.reason())") }
            sent += count
        }
        output.removeAll(keepingCapacity: true)
        sent = 0
    }
}
