// SPDX-License-Identifier: Apache-2.0

import Foundation
import NIOCore
import SwiftProtobuf
import TestSupport
import Testing

@testable import MeshCore

/// What is written by hand is what SwiftProtobuf writes, and what is read by hand is what it reads.
@Suite struct BusyFramesTests {
    private var random = SeededGenerator(seed: 7)

    @Test mutating func `messages and acceptances have the bytes that protobuf gives them`() throws {
        for _ in 0..<2_000 {
            for event in [RelayEvent.message(anyMessage()), .accepted(anyAcceptance())] {
                var (byHand, byLibrary) = (ByteBuffer(), ByteBuffer())
                byHand.writeFrame(event)
                byLibrary.writeFrame(WireRelayEvent.with { $0.event = event })
                try #require(byHand == byLibrary, "\(event)")
            }
        }
    }

    @Test mutating func `a frame is read as protobuf reads it, or left to protobuf, whatever happened to it`() throws {
        var taken = 0
        for _ in 0..<20_000 {
            var frame = ByteBuffer()
            frame.writeFrame(WireRelayRequest.with { $0.request = anyRequest() })
            damage(&frame)
            var rest = frame
            guard let publish = rest.readPublishFrame(limit: 1_000) else {
                try #require(rest == frame)
                continue
            }
            var decoder = MessageDecoder<WireRelayRequest>.binary(limit: 1_000)
            try #require(try decoder.next(from: &frame)?.request == .publish(publish))
            try #require(rest == frame)
            taken += 1
        }
        #expect(taken > 5_000)
    }

    @Test func `what is no plain publish is left to protobuf`() {
        for bytes: [UInt8] in [
            [], [0x00], [0x02, 0x12], [0x02, 0x12, 0x01], [0x02, 0x0A, 0x00], [0x03, 0x12, 0x00, 0x00],
            // A text that is no UTF-8, bytes in the place of a text, and a field that there is not.
            [0x05, 0x12, 0x03, 0x1A, 0x01, 0xFF], [0x05, 0x12, 0x03, 0x22, 0x01, 0x20],
            [0x05, 0x12, 0x03, 0x2A, 0x01, 0x20], [0x05, 0x12, 0x03, 0x1A, 0x02, 0x20],
            // Longer than may be, and lengths that go on.
            [0x0B, 0x12, 0x09, 0x1A, 0x07] + Array(repeating: 0x20, count: 7), Array(repeating: 0xFF, count: 12),
        ] {
            var buffer = ByteBuffer(bytes: bytes)
            #expect(buffer.readPublishFrame(limit: 10) == nil)
            #expect(buffer == ByteBuffer(bytes: bytes))
        }
        var publish = ByteBuffer(bytes: [0x05, 0x12, 0x03, 0x1A, 0x01, 0x20, 0x99])
        #expect(publish.readPublishFrame(limit: 10)?.text == " ")
        #expect(publish == ByteBuffer(bytes: [0x99]))
    }
}

extension BusyFramesTests {
    private mutating func anyMessage() -> WireMessage {
        .with {
            $0.room = anyText()
            $0.sequence = anyNumber()
            $0.sender = anyText()
            if Bool.random(using: &random) {
                $0.time.seconds = Int64(bitPattern: anyNumber())
                $0.time.nanos = Int32(truncatingIfNeeded: anyNumber())
            }
            switch Int.random(in: 0..<3, using: &random) {
            case 0: $0.text = anyText()
            case 1: $0.data = Data(anyText().utf8)
            default: break
            }
        }
    }

    private mutating func anyAcceptance() -> WireAccepted {
        .with {
            $0.clientMessageID = anyText()
            $0.room = anyText()
            $0.sequence = anyNumber()
            $0.level = WireAccepted.Level(rawValue: Int.random(in: 0...300, using: &random)) ?? .stored
        }
    }

    private mutating func anyRequest() -> RelayRequest {
        if Int.random(in: 0..<8, using: &random) == 0 { return .join(.with { $0.room = anyText() }) }
        return .publish(
            .with {
                $0.clientMessageID = anyText()
                $0.room = anyText()
                if Int.random(in: 0..<8, using: &random) == 0 {
                    $0.data = Data(anyText().utf8)
                } else {
                    $0.text = anyText()
                }
            }
        )
    }

    /// Changes a byte of some frames, and cuts others.
    private mutating func damage(_ frame: inout ByteBuffer) {
        switch Int.random(in: 0..<4, using: &random) {
        case 0:
            let place = Int.random(in: 0..<frame.readableBytes, using: &random)
            frame.setInteger(UInt8.random(in: 0...255, using: &random), at: place)
        case 1: frame.moveWriterIndex(to: Int.random(in: 0...frame.readableBytes, using: &random))
        default: break
        }
    }

    private mutating func anyText() -> String {
        let length = [0, 1, 5, 20, 127, 128, 300].randomElement(using: &random) ?? 0
        return String((0..<length).map { _ in "aZ9 é€😀".randomElement(using: &random) ?? "a" })
    }

    private mutating func anyNumber() -> UInt64 {
        UInt64.random(in: 0...UInt64.max, using: &random) >> UInt64.random(in: 0...64, using: &random)
    }
}
