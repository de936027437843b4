// SPDX-License-Identifier: Apache-2.0

import NIOCore
import SwiftProtobuf

// The three messages that a relay reads and writes by the hundred thousand a second, by hand: see Fields.swift.

extension ByteBuffer {
    /// Takes a frame with a request to publish a text out of the buffer, if that is what comes first, and plainly.
    ///
    /// Nil for whatever else comes, be it less than a frame, unusual or wrong: that is for SwiftProtobuf to say.
    mutating func readPublishFrame(limit: Int) -> WirePublish? {
        let found = withUnsafeReadableBytes { bytes -> (publish: WirePublish, size: Int)? in
            var rest = FieldReader(bytes)
            guard let frame = rest.bytes(), frame.count <= limit else { return nil }
            var outer = FieldReader(frame)
            guard outer.byte() == Field.head(2), let fields = outer.bytes(), outer.isAtEnd,
                let publish = WirePublish(plain: fields)
            else { return nil }
            return (publish, rest.position)
        }
        guard let found else { return nil }
        moveReaderIndex(forwardBy: found.size)
        return found.publish
    }

    /// Appends an event after its length.
    mutating func writeFrame(_ event: RelayEvent) {
        switch event {
        case .message(let message): writeFrame(message)
        case .accepted(let accepted): writeFrame(accepted)
        case .welcome, .refused, .gap, .error, .pong, .bye, .joined, .left, .people, .page, .presence:
            writeFrame(WireRelayEvent.with { $0.event = event })
        }
    }

    private mutating func writeFrame(_ message: WireMessage) {
        let time = message.hasTime ? message.time : nil
        var size = Field.size(message.room) + Field.size(message.sequence) + Field.size(message.sender)
        size += Field.size(time)
        switch message.body {
        case .text(let text): size += Field.size(length: text.utf8.count)
        case .data(let data): size += Field.size(length: data.count)
        case nil: break
        }
        writeFrame(3, length: size) { fields in
            fields.write(1, message.room)
            fields.write(2, message.sequence)
            fields.write(3, message.sender)
            fields.write(4, time)
            switch message.body {
            case .text(let text): fields.write(5, bytes: text.utf8)
            case .data(let data): fields.write(6, bytes: data)
            case nil: break
            }
        }
    }

    private mutating func writeFrame(_ accepted: WireAccepted) {
        let level = UInt64(bitPattern: Int64(accepted.level.rawValue))
        let size =
            Field.size(accepted.clientMessageID) + Field.size(accepted.room) + Field.size(accepted.sequence)
            + Field.size(level)
        writeFrame(4, length: size) { fields in
            fields.write(1, accepted.clientMessageID)
            fields.write(2, accepted.room)
            fields.write(3, accepted.sequence)
            fields.write(4, level)
        }
    }

    /// Appends a frame of one field, whose `length` bytes `write` writes.
    private mutating func writeFrame(_ field: UInt8, length: Int, _ write: (inout FieldWriter) -> Void) {
        writeFrame(size: Field.size(length: length)) { fields in
            fields.writeHead(field, length: length)
            write(&fields)
        }
    }
}

extension WirePublish {
    /// Nil if there is more to the fields than texts that are UTF-8.
    fileprivate init?(plain fields: UnsafeRawBufferPointer) {
        self.init()
        var fields = FieldReader(fields)
        while let field = fields.byte() {
            guard let text = fields.text() else { return nil }
            switch field {
            case Field.head(1): clientMessageID = text
            case Field.head(2): room = text
            case Field.head(3): body = .text(text)
            default: return nil
            }
        }
    }
}
