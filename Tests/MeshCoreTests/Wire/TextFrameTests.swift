// SPDX-License-Identifier: Apache-2.0

import MeshCore
import NIOCore
import SwiftProtobuf
import TestSupport
import Testing

@Suite struct TextFrameTests {
    @Test func `texts are written as the general encoder writes them, and read as they were`() throws {
        let times = [
            nil, MessageTime(), MessageTime(seconds: 1), MessageTime(seconds: 1_790_000_000, nanos: 999_999_999),
            MessageTime(seconds: -1, nanos: -1), MessageTime(seconds: .max, nanos: .max),
        ]
        let texts = ["", "a", "grüße 🙂", String(repeating: "x", count: 127), String(repeating: "é", count: 16_000)]
        for time in times {
            for text in texts {
                for number in [0, 1, 127, 128, 300, UInt64.max] {
                    var message = WirePeerMessage()
                    (message.message, message.number) = (text, number)
                    if let time { message.sendTime = time }
                    var (ours, theirs) = (ByteBuffer(), ByteBuffer())
                    ours.writePeerFrame(message)
                    theirs.writeFrame(message)
                    #expect(ours == theirs)
                    let frame = try #require(try FrameDecoder(limit: PeerLimits.frame).next(from: &ours))
                    #expect(WirePeerMessage(textIn: frame) == message)
                }
            }
        }
    }

    @Test func `what is no text alone is left to the general decoder`() throws {
        var heartbeat = ByteBuffer()
        heartbeat.writePeerFrame(.with { $0.heartbeat = .with { $0.number = 1 } })
        let frame = try #require(try FrameDecoder(limit: PeerLimits.frame).next(from: &heartbeat))
        #expect(WirePeerMessage(textIn: frame) == nil)
        let others: [[UInt8]] = [
            [0x12, 2, 0x61], [0x12, 1, 0xFF], [0x18], [0x18, 0x80],
            [0x18] + Array(repeating: 0xFF, count: 10), [0x0A, 1, 0x08], [0x0A, 2, 0x18, 1], [0x0A, 0xFF, 0x01],
            [0x20, 1], [0x12] + Array(repeating: 0xFF, count: 9) + [1],
            // Two times, which are one.
            [0x0A, 2, 0x08, 1, 0x0A, 2, 0x10, 1],
        ]
        for bytes in others { #expect(WirePeerMessage(textIn: ByteBuffer(bytes: bytes)) == nil, "\(bytes)") }
    }

    @Test func `whatever the bytes are, both decoders read the same`() throws {
        for seed in Simulation.seeds {
            var generator = SeededGenerator(seed: seed)
            var message = WirePeerMessage.with {
                ($0.message, $0.number) = ("text", .random(in: 0...300, using: &generator))
            }
            message.sendTime = MessageTime(seconds: .random(in: -5...500, using: &generator))
            var frame: [UInt8] = try message.serializedBytes()
            for _ in 0..<Int.random(in: 0...2, using: &generator) {
                frame[Int.random(in: frame.indices, using: &generator)] = .random(in: 0...0x20, using: &generator)
            }
            guard let text = WirePeerMessage(textIn: ByteBuffer(bytes: frame)) else { continue }
            let same = try MessageDecoder<WirePeerMessage>.message(in: ByteBuffer(bytes: frame))
            #expect(text == same, "seed \(seed): \(Simulation.again(seed))")
        }
    }
}
