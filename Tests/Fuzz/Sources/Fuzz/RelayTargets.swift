// SPDX-License-Identifier: Apache-2.0

import MeshCore
import NIOCore
import SwiftProtobuf

func fuzzBinaryRequests(_ input: [UInt8]) {
    checkRequests(input, .binary) { $0.writeFrame($1) }
}

func fuzzJSONRequests(_ input: [UInt8]) {
    checkRequests(input, .json) { $0.writeJSON($1) }
}

/// Requests come out the same however the bytes come in, and are read again as they were written.
private func checkRequests(
    _ input: [UInt8],
    _ dialect: Dialect,
    write: (inout ByteBuffer, WireRelayRequest) -> Void
) {
    let drip = Drip(input)
    let whole = requests([drip.whole], dialect)
    let dripped = requests(drip.pieces, dialect)
    require(whole == dripped, "\(whole) in one piece, \(dripped) in many")
    var written = ByteBuffer()
    for request in whole.messages { write(&written, .with { $0.request = request }) }
    let again = requests([ArraySlice(written.readableBytesView)], dialect)
    require(again.violation == nil && again.messages == whole.messages, "\(whole) was read again as \(again)")
}

private func requests(_ pieces: [ArraySlice<UInt8>], _ dialect: Dialect) -> Decoded<RelayRequest> {
    guard var decoder = RelayRequestDecoder(dialect) else { fatalError("\(dialect) has no requests") }
    return Decoded(pieces) { buffer throws(WireViolation) in try decoder.next(from: &buffer) }
}

/// Events come out the same however the bytes come in, and each has a form in the lines dialect that is whole lines.
func fuzzEvents(_ input: [UInt8]) {
    let drip = Drip(input)
    var (first, second) = (RelayEventDecoder(), RelayEventDecoder())
    let whole = Decoded([drip.whole]) { buffer throws(WireViolation) in try first.next(from: &buffer) }
    let dripped = Decoded(drip.pieces) { buffer throws(WireViolation) in try second.next(from: &buffer) }
    require(whole == dripped, "\(whole) in one piece, \(dripped) in many")
    for event in whole.messages {
        let lines = event.linesForm
        require(lines.isEmpty || lines.utf8.last == UInt8(ascii: "\n"), "\(lines) is no whole line")
    }
}

/// What the first bytes of a connection mean is not changed by those that follow, once it is decided.
func fuzzFirstBytes(_ input: [UInt8]) {
    for insideTLS in [false, true] {
        var decision = FirstBytes.undecided
        for count in 0...min(input.count, 16) {
            let seen = FirstBytes(ByteBuffer(bytes: input.prefix(count)).readableBytesView, insideTLS: insideTLS)
            require(decision == .undecided || seen == decision, "\(decision) became \(seen) at byte \(count)")
            require(!insideTLS || seen != .tls, "TLS inside of TLS")
            decision = seen
        }
        require(input.count < 16 || decision != .undecided, "16 bytes decide nothing")
    }
}

/// What is decided is not changed by what follows it.
func fuzzFirstWords(_ input: [UInt8]) {
    var words = FirstWords.unfinished
    for count in 0...min(input.count, 256) {
        let seen = FirstWords(ByteBuffer(bytes: input.prefix(count)))
        require(words == .unfinished || seen == words, "\(words) became \(seen) at byte \(count)")
        words = seen
    }
}
