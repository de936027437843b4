// SPDX-License-Identifier: Apache-2.0

import MeshCore
import NIOCore
import SwiftProtobuf
import TestSupport

/// Somebody in the lobby of the built relay, in one of the dialects.
struct Speaker: Sendable {
    /// How somebody talks to the relay.
    enum Way: String, CaseIterable {
        case lines, json, binary, webText, webBinary
    }

    let way: Way
    let name: String
    let connection: RawConnection

    /// Logs in, as an account whose password is `pw-` and its name.
    init(_ way: Way, as name: String, at port: Int) async throws {
        (self.way, self.name) = (way, name)
        connection = try await RawConnection(port: port, saying: Self.opening(way))
        if way == .lines {
            try await connection.send("\(name)\npw-\(name)\n")
        } else {
            try await ask(.login(.with { ($0.user, $0.password) = (name, "pw-\(name)") }))
        }
    }

    private static func opening(_ way: Way) -> String {
        switch way {
        case .lines, .json: ""
        case .binary: Dialect.binaryPreamble
        case .webText, .webBinary: WebFrame.handshake()
        }
    }

    /// Says something in the lobby, without waiting for what becomes of it; its id is how it begins.
    func say(_ text: String) async throws {
        if way == .lines { return try await connection.send("\(text)\n") }
        try await ask(.publish(.with { ($0.text, $0.clientMessageID) = (text, String(text.prefix(16))) }))
    }

    private func ask(_ request: RelayRequest) async throws {
        let message = WireRelayRequest.with { $0.request = request }
        var bytes = ByteBuffer()
        switch way {
        case .lines, .json, .webText: bytes.writeJSON(message)
        case .binary, .webBinary: bytes.writeFrame(message)
        }
        let kind: UInt8? =
            switch way {
            case .lines, .json, .binary: nil
            case .webText: 0x1
            case .webBinary: 0x2
            }
        let payload = Array(bytes.readableBytesView)
        try await connection.send(bytes: kind.map { WebFrame.masked($0, payload) } ?? payload)
    }

    /// The messages that came, as `[sender]: text`, in the order in which they came.
    var heard: [String] {
        if way == .lines {
            return connection.text.split(separator: "\n").filter { $0.hasPrefix("[") }.map(String.init)
        }
        return messages.map { "[\($0.sender)]: \($0.text)" }
    }

    /// The messages that came; none in the lines dialect, which has no numbers.
    var messages: [WireMessage] {
        events.compactMap { event in
            if case .message(let message) = event { message } else { nil }
        }
    }

    /// The ids of what was said and has its place.
    var accepted: [String] {
        events.compactMap { event in
            if case .accepted(let accepted) = event { accepted.clientMessageID } else { nil }
        }
    }

    private var events: [RelayEvent] {
        var bytes = connection.bytes
        if way == .webText || way == .webBinary {
            bytes = ByteBuffer(bytes: WebFrame.all(in: bytes).filter { $0.kind < 0x8 }.flatMap(\.payload))
        }
        var decoder: MessageDecoder<WireRelayEvent> =
            switch way {
            case .lines, .json, .webText: .json(limit: RelayLimits.frame)
            case .binary, .webBinary: .binary(limit: RelayLimits.frame)
            }
        var events: [RelayEvent] = []
        while let message = try? decoder.next(from: &bytes) { events += message.event.map { [$0] } ?? [] }
        return events
    }
}
