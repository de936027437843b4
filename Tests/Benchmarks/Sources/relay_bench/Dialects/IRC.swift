// SPDX-License-Identifier: Apache-2.0

/// A channel of IRC: RFC 1459, RFC 2812.
struct IRC: Dialect {
    func hello(of client: ClientIdentity) -> [UInt8] {
        let name = "b\(client.number)"
        let join = client.role == .idler ? "" : "JOIN #lobby\r\n"
        return [UInt8]("NICK \(name)\r\nUSER \(name) 0 * :\(name)\r\n\(join)PING :in\r\n")
    }

    func login(_ answer: [UInt8], of client: ClientIdentity) -> LoginProgress {
        let text = answer.text
        if text.contains("ERROR :") { return .refused(text) }
        return text.contains(" PONG ") ? .done : .waiting
    }

    func publication(of text: [UInt8]) -> [UInt8] {
        [UInt8]("PRIVMSG #lobby :") + text + [13, 10]
    }

    func scan(_ bytes: UnsafeRawBufferPointer) -> Scan {
        Scan(bytes) { start, count in
            guard let length = start.lineLength(within: count) else { return nil }
            if start[0] == UInt8(ascii: "E") { return Frame(length: length, kind: .complaint) }
            // `:nick!user@host PRIVMSG #lobby :text`; the first P behind the address decides.
            var position = 1
            while position < length, start[position] != 32 { position += 1 }
            let isMessage =
                position + 2 < length && start[position + 1] == UInt8(ascii: "P")
                && start[position + 2] == UInt8(ascii: "R")
            return Frame(length: length, kind: isMessage ? .message : .other)
        }
    }
}
