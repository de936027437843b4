// SPDX-License-Identifier: Apache-2.0

package import NIOCore
import SwiftProtobuf

// A text's frame is read and written by hand, as texts are nearly all that two devices say to each other: see Fields.swift.

extension WirePeerMessage {
    /// The message that a whole frame is.
    package init(in frame: ByteBuffer) throws(WireViolation) {
        if let text = Self(textIn: frame) {
            self = text
        } else {
            self = try MessageDecoder<Self>.message(in: frame)
        }
    }

    /// The text that a frame is, if that is in it alone; nil for the general decoder to look at.
    package init?(textIn frame: ByteBuffer) {
        guard let message = frame.withUnsafeReadableBytes({ Self(plain: $0) }) else { return nil }
        self = message
    }

    private init?(plain bytes: UnsafeRawBufferPointer) {
        self.init()
        var fields = FieldReader(bytes)
        while let field = fields.byte() {
            switch field {
            case Field.head(1):
                // Two would be merged.
                guard !hasSendTime, let time = fields.time() else { return nil }
                sendTime = time
            case Field.head(2):
                guard let text = fields.text() else { return nil }
                message = text
            case Field.varint(3):
                guard let value = fields.varint() else { return nil }
                number = value
            default: return nil
            }
        }
    }
}

extension ByteBuffer {
    /// Appends a device's message after its length.
    package mutating func writePeerFrame(_ message: WirePeerMessage) {
        if message.body != nil || !message.unknownFields.data.isEmpty { return writeFrame(message) }
        let time = message.hasSendTime ? message.sendTime : nil
        writeFrame(size: Field.size(time) + Field.size(message.message) + Field.size(message.number)) { fields in
            fields.write(1, time)
            fields.write(2, message.message)
            fields.write(3, message.number)
        }
    }
}
