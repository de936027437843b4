// SPDX-License-Identifier: Apache-2.0

/// The text protocol of NATS.
///
/// See https://docs.nats.io/reference/reference-protocols/nats-protocol
struct NATS: Dialect {
    func hello(of client: ClientIdentity) -> [UInt8] {
        let subscription = client.role == .receiver ? "SUB lobby 1\r\n" : ""
        return [UInt8]("CONNECT {\"verbose\":false,\"pedantic\":false}\r\n\(subscription)PING\r\n")
    }

    func login(_ answer: [UInt8], of client: ClientIdentity) -> LoginProgress {
        if answer.text.contains("-ERR") { return .refused(answer.text) }
        return answer.text.hasSuffix("PONG\r\n") ? .done : .waiting
    }

    func publication(of text: [UInt8]) -> [UInt8] {
        [UInt8]("PUB lobby \(text.count)\r\n") + text + [13, 10]
    }

    func scan(_ bytes: UnsafeRawBufferPointer) -> Scan {
        Scan(bytes) { start, count in
            guard let line = start.lineLength(within: count) else { return nil }
            // `MSG lobby 1 128`, and then as many bytes and the end of a line.
            guard start[0] == UInt8(ascii: "M"), let size = start.decimal(at: 12, within: count) else {
                return Frame(length: line, kind: start[0] == UInt8(ascii: "-") ? .complaint : .other)
            }
            let length = line + size.value + 2
            return length <= count ? Frame(length: length, kind: .message) : nil
        }
    }
}
