// SPDX-License-Identifier: Apache-2.0

import MeshCore
import NIOCore
import SwiftProtobuf

/// Frames come out the same however the bytes come in, keep to the limit, and are read again as they were written.
func fuzzFrames(_ input: [UInt8]) {
    let limit = 24
    let drip = Drip(input)
    let decoder = FrameDecoder(limit: limit)
    let whole = Decoded([drip.whole]) { buffer throws(WireViolation) in try decoder.next(from: &buffer) }
    let dripped = Decoded(drip.pieces) { buffer throws(WireViolation) in try decoder.next(from: &buffer) }
    require(whole == dripped, "\(whole) in one piece, \(dripped) in many")
    require(whole.messages.allSatisfy { $0.readableBytes <= limit }, "A frame is longer than the limit")
    var written = ByteBuffer()
    for frame in whole.messages {
        written.writeVarint(UInt64(frame.readableBytes))
        written.writeImmutableBuffer(frame)
    }
    let again = Decoded([ArraySlice(written.readableBytesView)]) { buffer throws(WireViolation) in
        try decoder.next(from: &buffer)
    }
    require(again.messages == whole.messages && again.rest == 0, "Frames were not read as they were written")
}

/// Lines come out the same however the bytes come in, keep to the limit, and hold no line break.
func fuzzLines(_ input: [UInt8]) {
    let limit = 24
    let drip = Drip(input)
    var (first, second) = (LineDecoder(limit: limit), LineDecoder(limit: limit))
    let whole = Decoded([drip.whole]) { buffer throws(WireViolation) in try first.next(from: &buffer) }
    let dripped = Decoded(drip.pieces) { buffer throws(WireViolation) in try second.next(from: &buffer) }
    require(whole == dripped, "\(whole) in one piece, \(dripped) in many")
    for line in whole.messages {
        require(line.readableBytes <= limit, "A line is longer than the limit")
        require(!line.readableBytesView.contains(UInt8(ascii: "\n")), "A line has an end in it")
    }
    require(whole.rest <= limit + 1, "More is waiting than a line may have")
}

func fuzzBinaryPeerMessages(_ input: [UInt8]) {
    checkMessages(input, .binary(limit: PeerLimits.frame), WirePeerMessage.self) { $0.writePeerFrame($1) }
    var buffer = ByteBuffer(bytes: input)
    let decoder = FrameDecoder(limit: PeerLimits.frame)
    while let frame = try? decoder.next(from: &buffer) {
        guard let text = WirePeerMessage(textIn: frame) else { continue }
        let same = try? MessageDecoder<WirePeerMessage>.message(in: frame)
        require(same == text, "\(text) is \(String(describing: same)) to the general decoder")
    }
}

func fuzzJSONPeerMessages(_ input: [UInt8]) {
    checkMessages(input, .json(limit: PeerLimits.frame), WirePeerMessage.self) { $0.writeJSON($1) }
}

/// Messages come out the same however the bytes come in, and are read again as they were written.
private func checkMessages<Message: SwiftProtobuf.Message & Equatable>(
    _ input: [UInt8],
    _ decoder: MessageDecoder<Message>,
    _: Message.Type,
    write: (inout ByteBuffer, Message) -> Void
) {
    let drip = Drip(input)
    var (first, second, third) = (decoder, decoder, decoder)
    let whole = Decoded([drip.whole]) { buffer throws(WireViolation) in try first.next(from: &buffer) }
    let dripped = Decoded(drip.pieces) { buffer throws(WireViolation) in try second.next(from: &buffer) }
    require(whole == dripped, "\(whole) in one piece, \(dripped) in many")
    var written = ByteBuffer()
    for message in whole.messages { write(&written, message) }
    let again = Decoded([ArraySlice(written.readableBytesView)]) { buffer throws(WireViolation) in
        try third.next(from: &buffer)
    }
    require(again.violation == nil && again.messages == whole.messages, "\(whole) was read again as \(again)")
}
