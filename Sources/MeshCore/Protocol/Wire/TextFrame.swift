// SPDX-License-Identifier: Apache-2.0

package import NIOCore
import SwiftProtobuf

// A text's frame is read and written here by hand: the general decoder looks at a text letter by letter, the general
// encoder copies it twice, and texts are nearly all that two devices say to each other.
//
//     0A length ( 08 seconds  10 nanoseconds )   send_time
//     12 length text                             message
//     18 number                                  number

extension WirePeerMessage {
    /// The message that a whole frame is.
    package init(in frame: ByteBuffer) throws(WireViolation) {
        if let text = Self(textIn: frame) {
            self = text
        } else {
            self = try MessageDecoder<Self>.message(in: frame)
        }
    }

    /// The text that a frame is, if that is in it alone and in the usual order; nil for the general decoder to look at.
    package init?(textIn frame: ByteBuffer) {
        var frame = frame
        self.init()
        if frame.skip(tag: 0x0A) {
            guard let length = frame.readVarint(), length <= 24, var time = frame.readSlice(length: Int(length)) else {
                return nil
            }
            if time.skip(tag: 0x08) {
                guard let seconds = time.readVarint() else { return nil }
                sendTime.seconds = Int64(bitPattern: seconds)
            }
            if time.skip(tag: 0x10) {
                guard let nanoseconds = time.readVarint() else { return nil }
                sendTime.nanos = Int32(truncatingIfNeeded: nanoseconds)
            }
            guard time.readableBytes == 0 else { return nil }
            if !hasSendTime { sendTime = MessageTime() }
        }
        if frame.skip(tag: 0x12) {
            guard let length = frame.readVarint(), length <= UInt64(frame.readableBytes),
                let text = try? frame.readUTF8ValidatedString(length: Int(length))
            else { return nil }
            message = text
        }
        if frame.skip(tag: 0x18) {
            guard let value = frame.readVarint() else { return nil }
            number = value
        }
        guard frame.readableBytes == 0 else { return nil }
    }
}

extension ByteBuffer {
    /// Appends a device's message after its length.
    package mutating func writePeerFrame(_ message: WirePeerMessage) {
        if message.body != nil || !message.unknownFields.data.isEmpty { return writeFrame(message) }
        let text = message.message.utf8.count
        let time = message.hasSendTime ? message.sendTime.size : nil
        var length = time.map { 1 + varintSize(UInt64($0)) + $0 } ?? 0
        if text > 0 { length += 1 + varintSize(UInt64(text)) + text }
        if message.number > 0 { length += 1 + varintSize(message.number) }
        reserveCapacity(minimumWritableBytes: length + 10)
        writeVarint(UInt64(length))
        if let time {
            writeInteger(UInt8(0x0A))
            writeVarint(UInt64(time))
            writeField(0x08, UInt64(bitPattern: message.sendTime.seconds))
            writeField(0x10, UInt64(bitPattern: Int64(message.sendTime.nanos)))
        }
        if text > 0 {
            writeField(0x12, UInt64(text))
            writeString(message.message)
        }
        writeField(0x18, message.number)
    }

    /// A number of its own, or what it stands for; none, where that is nothing.
    private mutating func writeField(_ tag: UInt8, _ value: UInt64) {
        if value == 0 { return }
        writeInteger(tag)
        writeVarint(value)
    }

    fileprivate mutating func skip(tag: UInt8) -> Bool {
        guard getInteger(at: readerIndex) == tag else { return false }
        moveReaderIndex(forwardBy: 1)
        return true
    }

    /// Nil for what is no varint, or is not whole.
    fileprivate mutating func readVarint() -> UInt64? {
        var value: UInt64 = 0
        for position in 0..<10 {
            guard let byte: UInt8 = readInteger(), position < 9 || byte <= 1 else { return nil }
            value |= UInt64(byte & 0x7F) << UInt64(7 * position)
            if byte & 0x80 == 0 { return value }
        }
        return nil
    }
}

extension MessageTime {
    /// In bytes, as a field.
    fileprivate var size: Int {
        (seconds == 0 ? 0 : 1 + varintSize(UInt64(bitPattern: seconds)))
            + (nanos == 0 ? 0 : 1 + varintSize(UInt64(bitPattern: Int64(nanos))))
    }
}

private func varintSize(_ value: UInt64) -> Int {
    max(1, (UInt64.bitWidth - value.leadingZeroBitCount + 6) / 7)
}
