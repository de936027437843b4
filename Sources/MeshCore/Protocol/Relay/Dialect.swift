// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
package import NIOCore
package import SwiftProtobuf

/// What a client asks of the relay.
package typealias RelayRequest = WireRelayRequest.OneOf_Request
/// What the relay tells a client.
package typealias RelayEvent = WireRelayEvent.OneOf_Event
/// When a message was accepted, by the relay's clock.
package typealias MessageTime = Google_Protobuf_Timestamp

/// The encoding that a connection to the relay speaks.
package enum Dialect: Int, CaseIterable, Sendable {
    /// The plain dialogue that `nc` and the earlier clients speak.
    case lines
    /// One object a line.
    case json
    /// Frames of a varint length and a protobuf message, after the preamble.
    case binary

    /// What a client of the binary dialect says first.
    package static let binaryPreamble = "MESH/1\r\n"

    /// Appends `event` as this dialect says it; nothing where the dialect has no word for it.
    package func write(_ event: RelayEvent, to buffer: inout ByteBuffer) {
        switch self {
        case .lines: buffer.writeString(event.linesForm)
        case .json: buffer.writeJSON(WireRelayEvent.with { $0.event = event })
        case .binary: buffer.writeFrame(event)
        }
    }
}

/// Cuts what a client of the JSON or the binary dialect sends into requests.
package struct RelayRequestDecoder: Sendable {
    private var cutter: MessageDecoder<WireRelayRequest>

    /// Nil for the lines dialect, whose lines mean nothing by themselves: see ``LinesDialogue``.
    package init?(_ dialect: Dialect) {
        switch dialect {
        case .lines: return nil
        case .json: cutter = .json(limit: RelayLimits.frame)
        case .binary: cutter = .binary(limit: RelayLimits.frame)
        }
    }

    /// The next request, taken out of `buffer`; nil when more bytes are needed.
    package mutating func next(from buffer: inout ByteBuffer) throws(WireViolation) -> RelayRequest? {
        if case .binary = cutter, let publish = buffer.readPublishFrame(limit: RelayLimits.frame) {
            return .publish(publish)
        }
        guard let message = try cutter.next(from: &buffer) else { return nil }
        guard let request = message.request else { throw .notAllowed("no request that this relay knows") }
        return request
    }
}

/// Cuts what the relay sends in the binary dialect into events.
package struct RelayEventDecoder: Sendable {
    private var cutter = MessageDecoder<WireRelayEvent>.binary(limit: RelayLimits.frame)

    package init() {}

    /// The next event, taken out of `buffer`; nil when more bytes are needed.
    package mutating func next(from buffer: inout ByteBuffer) throws(WireViolation) -> RelayEvent? {
        // An event that this client is too old for is passed over.
        while let message = try cutter.next(from: &buffer) {
            if let event = message.event { return event }
        }
        return nil
    }
}
