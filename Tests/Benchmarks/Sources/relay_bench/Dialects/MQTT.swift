// SPDX-License-Identifier: Apache-2.0

/// MQTT 3.1.1 with quality of service 0.
///
/// See https://docs.oasis-open.org/mqtt/mqtt/v3.1.1/mqtt-v3.1.1.html
struct MQTT: Dialect {
    func hello(of client: ClientIdentity) -> [UInt8] {
        // Protocol level 4, a clean session, and no keep-alive.
        let name = "bench\(client.number)"
        let connect = Self.packet(0x10, Self.string("MQTT") + [4, 2, 0, 0] + Self.string(name))
        let subscribe = Self.packet(0x82, [0, 1] + Self.string("lobby") + [0])
        return client.role == .receiver ? connect + subscribe : connect
    }

    func login(_ answer: [UInt8], of client: ClientIdentity) -> LoginProgress {
        // CONNACK, of four bytes, and SUBACK, of five.
        if answer.count >= 4, answer[3] != 0 { return .refused("CONNACK \(answer[3])") }
        return answer.count >= (client.role == .receiver ? 9 : 4) ? .done : .waiting
    }

    func publication(of text: [UInt8]) -> [UInt8] {
        Self.packet(0x30, Self.string("lobby") + text)
    }

    func scan(_ bytes: UnsafeRawBufferPointer) -> Scan {
        Scan(bytes) { start, count in
            guard let size = start.varint(at: 1, within: count), size.end + size.value <= count else { return nil }
            return Frame(length: size.end + size.value, kind: start[0] & 0xf0 == 0x30 ? .message : .other)
        }
    }

    private static func packet(_ type: UInt8, _ body: [UInt8]) -> [UInt8] {
        [type] + .varint(body.count) + body
    }

    private static func string(_ text: String) -> [UInt8] {
        [UInt8(text.utf8.count >> 8), UInt8(text.utf8.count & 0xff)] + text.utf8
    }
}
