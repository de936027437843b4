// SPDX-License-Identifier: Apache-2.0

/// What the earlier key-value program's peers ask for, one JSON value a connection.
package enum EarlierRequest: Equatable, Sendable {
    case handshake
    case heartbeat
    case get(key: String)
    /// Asked for by a person, or by another peer that replicates.
    case set(key: String, value: String)

    /// Reads a whole value; nil for one that is no request.
    package init?(_ json: JSON) {
        if json == .string("Heartbeat") {
            self = .heartbeat
            return
        }
        guard case .object(let members) = json, members.count == 1, let (name, body) = members.first,
            case .object(let fields) = body
        else { return nil }
        switch (name, fields["key"]?.string, fields["value"]?.string) {
        case ("Handshake", _, _): self = .handshake
        case ("Getvalue", let key?, _): self = .get(key: key)
        case ("Setvalue", let key?, let value?), ("Sync", let key?, let value?): self = .set(key: key, value: value)
        default: return nil
        }
    }

    /// Whether bytes that came so far may be all of a value: only then it is worth reading them.
    package static func mayBeWhole(_ bytes: some BidirectionalCollection<UInt8>) -> Bool {
        guard let last = bytes.last(where: { !$0.isSpace }) else { return false }
        return last == UInt8(ascii: "}") || last == UInt8(ascii: "\"")
    }
}

/// What is answered.
package enum EarlierAnswer: Equatable, Sendable {
    case greeting
    case heartbeat
    case value(String?)
    case stored
    /// For who asks for what can't be.
    case refused(String)

    package var json: JSON {
        switch self {
        case .greeting: .string("Greeting")
        case .heartbeat: .string("HeartbeatResponse")
        case .value(let value): .object(["ValueResponse": .object(["value": value.map(JSON.string) ?? .null])])
        case .stored: .object(["ValueResponse": .object(["value": .string("Value set successful")])])
        case .refused(let reason): .object(["Error": .string(reason)])
        }
    }
}

extension UInt8 {
    fileprivate var isSpace: Bool { self == 0x20 || (0x09...0x0D).contains(self) }
}
