// SPDX-License-Identifier: Apache-2.0

import MeshCore
import NIOCore
import NIOEmbedded
import NIOHTTP1
import NIOWebSocket

/// The frames of a WebSocket mean the same however the bytes come in, up to the first that is none, and the messages in
/// them are of one dialect, their lines whole.
func fuzzWebFrames(_ input: [UInt8]) {
    let drip = Drip(input)
    let whole = WebConversation([drip.whole])
    let dripped = WebConversation(drip.pieces)
    require(whole == dripped, "\(whole) in one piece, \(dripped) in many")
    require(whole.dialects.count <= 1, "Two dialects")
    for (number, line) in whole.lines.enumerated() {
        require(line.utf8.last == UInt8(ascii: "\n") || number == whole.lines.count - 1, "\(line) has no end")
    }
}

/// What was said in a WebSocket.
private struct WebConversation: Equatable {
    private(set) var dialects: Set<Dialect> = []
    /// What the messages hold, each by itself; the last may go on.
    private(set) var lines: [String] = []
    private var others: [WebSocketMessages.Meaning] = []
    private var fault = ""

    init(_ pieces: [ArraySlice<UInt8>]) {
        let decoder = ByteToMessageHandler(WebSocketFrameDecoder(maxFrameSize: 200))
        let channel = EmbeddedChannel(handler: decoder)
        defer { _ = try? channel.finish(acceptAlreadyClosed: true) }
        var messages = WebSocketMessages()
        var isInside = false
        do {
            for piece in pieces {
                let result = Result { try channel.writeInbound(ByteBuffer(bytes: piece)) }
                // What came before a fault counts.
                while let frame = try channel.readInbound(as: WebSocketFrame.self) {
                    take(try messages.received(frame), of: frame, &isInside)
                }
                _ = try result.get()
            }
        } catch {
            fault = "\(error)"
        }
    }

    private mutating func take(_ meaning: WebSocketMessages.Meaning, of frame: WebSocketFrame, _ isInside: inout Bool) {
        guard case .bytes(let dialect, let bytes) = meaning else { return others.append(meaning) }
        dialects.insert(dialect)
        if dialect == .json {
            if isInside { lines[lines.count - 1] += String(buffer: bytes) } else { lines.append(String(buffer: bytes)) }
        }
        isInside = !frame.fin
    }
}

/// A request's `Origin` and `Host`, the letter of the plan saying whether the relay is on loopback: no page of another
/// site is let in.
func fuzzOrigins(_ input: [UInt8]) {
    var plan = Plan(input)
    let isLoopback = plan.next() == "l"
    let rule = OriginRule(allowed: ["https://chat.example.org"], isLoopback: isLoopback)
    let headers = HTTPHeaders(
        String(decoding: plan.rest, as: UTF8.self).split(separator: "\n").compactMap { line in
            guard let colon = line.firstRange(of: ": ") else { return nil }
            return (String(line[..<colon.lowerBound]), String(line[colon.upperBound...]))
        }
    )
    for field in headers { _ = OriginRule.origins(in: field.value) }
    guard rule.permits(headers), let origin = headers.first(name: "Origin")?.lowercased() else { return }
    require(headers["Origin"].count == 1, "Two origins were let in")
    if origin == "https://chat.example.org" { return }
    let hosts = headers["Host"].map { $0.lowercased() }
    require(hosts.count == 1 && ["http://", "https://"].contains { origin == $0 + hosts[0] }, "\(origin) at \(hosts)")
    let host = OriginRule.host(of: hosts[0]) ?? ""
    require(!isLoopback || host == "localhost" || host.isIPAddress, "\(origin) is taken for this machine")
}
