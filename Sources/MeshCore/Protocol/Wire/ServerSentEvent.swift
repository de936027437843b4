// SPDX-License-Identifier: Apache-2.0

/// One event of a stream of server-sent events (HTML Standard, section 9.2).
///
/// ```
/// id: 19a9-17
/// event: joined
/// data: {"id":"laptop"}
///
/// ```
package struct ServerSentEvent: Equatable, Sendable {
    /// To be sent back as `Last-Event-ID`; empty means that what came before is not to be resumed, nil leaves it.
    package var id: String?
    package var name: String
    package var data: String

    package init(id: String? = nil, name: String, data: String) {
        (self.id, self.name, self.data) = (id, name, data)
    }

    /// The event as it is sent; neither the id nor the name may have a line break.
    package var text: String {
        var text = id.map { $0.isEmpty ? "id\n" : "id: \($0)\n" } ?? ""
        text += "event: \(name)\n"
        for line in data.split(separator: "\n", omittingEmptySubsequences: false) { text += "data: \(line)\n" }
        return text + "\n"
    }

    /// A line that says nothing, so that both ends see that the connection is there.
    package static let keepAlive = ":\n\n"
}

/// Reads a stream of server-sent events, in whatever pieces it comes.
package struct ServerSentEventDecoder: Sendable {
    /// The longest event, in bytes, unless it is said otherwise.
    package static let longest = 256 * 1_024

    private let longest: Int
    private var line: [UInt8] = []
    private var followsReturn = false
    private var id: String?
    private var name = ""
    private var data: [String] = []
    private var size = 0

    package init(longest: Int = longest) {
        self.longest = longest
    }

    /// The events that are complete with these bytes; fails where one is too long.
    package mutating func received(_ bytes: some Sequence<UInt8>) throws(ServerSentEventFault) -> [ServerSentEvent] {
        var events: [ServerSentEvent] = []
        for byte in bytes {
            let isPaired = followsReturn && byte == UInt8(ascii: "\n")
            followsReturn = byte == UInt8(ascii: "\r")
            if isPaired { continue }
            if byte == UInt8(ascii: "\n") || followsReturn {
                if let event = endOfLine() { events.append(event) }
            } else {
                guard size + line.count < longest else { throw .tooLong(limit: longest) }
                line.append(byte)
            }
        }
        return events
    }

    private mutating func endOfLine() -> ServerSentEvent? {
        let text = String(decoding: line, as: UTF8.self)
        line.removeAll(keepingCapacity: true)
        if text.isEmpty { return dispatch() }
        size += text.utf8.count
        let sides = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        var value = sides.count > 1 ? sides[1] : ""
        if value.first == " " { value = value.dropFirst() }
        switch sides.first {
        case "id" where !value.contains("\0"): id = String(value)
        case "event": name = String(value)
        case "data": data.append(String(value))
        default: break
        }
        return nil
    }

    /// An event without data is none.
    private mutating func dispatch() -> ServerSentEvent? {
        defer { (id, name, data, size) = (nil, "", [], 0) }
        if data.isEmpty { return nil }
        return ServerSentEvent(id: id, name: name.isEmpty ? "message" : name, data: data.joined(separator: "\n"))
    }
}

/// Why a stream of events can't be read on.
package enum ServerSentEventFault: Error, Equatable, Sendable, CustomStringConvertible {
    case tooLong(limit: Int)

    package var description: String {
        switch self {
        case .tooLong(let limit): "an event is longer than \(limit) bytes"
        }
    }
}
