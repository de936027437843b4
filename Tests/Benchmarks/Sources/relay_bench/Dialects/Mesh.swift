// SPDX-License-Identifier: Apache-2.0

/// The binary dialect of tcp_server: see Sources/MeshCore/Protocol/Wire/mesh.proto, whose field numbers are here.
struct Mesh: Dialect {
    static let preamble = [UInt8]("MESH/1\r\n")
    let password: String

    func hello(of client: ClientIdentity) -> [UInt8] {
        Self.hello(account: Self.account(client.number), password: password)
    }

    static func hello(account: String, password: String) -> [UInt8] {
        let login = Proto.field(1, account) + Proto.field(2, password) + Proto.field(3, "bench-\(account)")
        return preamble + Proto.frame(Proto.field(1, login))
    }

    /// Asks for an answer, number 1.
    static let ping = Proto.frame(Proto.field(3, [0x08, 1]))

    /// The name of a client's account.
    static func account(_ number: Int) -> String { "b\(number)" }

    func login(_ answer: [UInt8], of client: ClientIdentity) -> LoginProgress {
        guard let event = Proto.message(in: answer) else { return .waiting }
        if event.first == Event.welcome.rawValue { return .done }
        return .refused(event.map { $0 < 32 || $0 > 126 ? 32 : $0 }.text)
    }

    func publication(of text: [UInt8]) -> [UInt8] {
        // The id is numbered along with the text.
        let id = Proto.field(1, Payload.numberPlaceholder)
        return Proto.frame(Proto.field(2, id + Proto.field(3, text)))
    }

    func scan(_ bytes: UnsafeRawBufferPointer) -> Scan {
        Scan(bytes) { start, count in Self.frame(start, count, counting: .message) }
    }

    func scanAnswers(_ bytes: UnsafeRawBufferPointer) -> Scan {
        Scan(bytes) { start, count in Self.frame(start, count, counting: .accepted) }
    }

    static func scanPongs(_ bytes: UnsafeRawBufferPointer) -> Scan {
        Scan(bytes) { start, count in frame(start, count, counting: .pong) }
    }

    /// The tags of RelayEvent's fields, which all are messages.
    enum Event: UInt8 {
        case welcome = 0x0a
        case refused = 0x12
        case message = 0x1a
        case accepted = 0x22
        case gap = 0x2a
        case error = 0x32
        case pong = 0x3a
        case bye = 0x42
    }

    @inline(__always)
    private static func frame(_ start: UnsafeRawPointer, _ count: Int, counting event: Event) -> Frame? {
        guard let size = start.varint(at: 0, within: count), size.end + size.value <= count else { return nil }
        let tag = size.value > 0 ? start[size.end] : 0
        let length = size.end + size.value
        if tag == event.rawValue { return Frame(length: length, kind: .message) }
        switch Event(rawValue: tag) {
        case .refused, .gap, .error, .bye: return Frame(length: length, kind: .complaint)
        case .welcome, .message, .accepted, .pong, nil: return Frame(length: length, kind: .other)
        }
    }
}
