// SPDX-License-Identifier: Apache-2.0

/// Publish and subscribe in RESP2.
///
/// See https://redis.io/docs/latest/develop/reference/protocol-spec/
struct Redis: Dialect {
    func hello(of client: ClientIdentity) -> [UInt8] {
        [UInt8](client.role == .receiver ? "SUBSCRIBE lobby\r\n" : "PING\r\n")
    }

    func login(_ answer: [UInt8], of client: ClientIdentity) -> LoginProgress {
        if answer.first == UInt8(ascii: "-") { return .refused(answer.text) }
        return answer.text.hasSuffix(client.role == .receiver ? ":1\r\n" : "+PONG\r\n") ? .done : .waiting
    }

    func publication(of text: [UInt8]) -> [UInt8] {
        [UInt8]("*3\r\n$7\r\nPUBLISH\r\n$5\r\nlobby\r\n$\(text.count)\r\n") + text + [13, 10]
    }

    func scan(_ bytes: UnsafeRawBufferPointer) -> Scan {
        Scan(bytes) { start, count in
            guard start[0] == UInt8(ascii: "*") else { return Self.line(start, count) }
            // `*3`, `$7`, `message`, `$5`, `lobby`, `$128`, a line each, and then as many bytes and the end of a line.
            guard let size = start.decimal(at: 29, within: count) else { return nil }
            let length = size.end + 2 + size.value + 2
            return length <= count ? Frame(length: length, kind: .message) : nil
        }
    }

    func scanAnswers(_ bytes: UnsafeRawBufferPointer) -> Scan {
        Scan(bytes) { start, count in
            guard start[0] == UInt8(ascii: ":") else { return Self.line(start, count) }
            return start.lineLength(within: count).map { Frame(length: $0, kind: .message) }
        }
    }

    private static func line(_ start: UnsafeRawPointer, _ count: Int) -> Frame? {
        let kind: Frame.Kind = start[0] == UInt8(ascii: "-") ? .complaint : .other
        return start.lineLength(within: count).map { Frame(length: $0, kind: kind) }
    }
}
