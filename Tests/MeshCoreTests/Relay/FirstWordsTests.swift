// SPDX-License-Identifier: Apache-2.0

import MeshCore
import NIOCore
import SwiftProtobuf
import Testing

@Suite struct FirstWordsTests {
    private static let login = WireLogin.with { ($0.user, $0.password) = ("alice", "secret") }

    private static let logins: [ByteBuffer] = {
        var binary = ByteBuffer(string: Dialect.binaryPreamble)
        binary.writeFrame(WireRelayRequest.with { $0.login = login })
        var json = ByteBuffer()
        json.writeJSON(WireRelayRequest.with { $0.login = login })
        return [binary, json, ByteBuffer(string: "alice\nsecret\n"), ByteBuffer(string: "alice\r\n\r\n")]
    }()

    @Test(arguments: logins) func `a whole login is seen, whatever follows, and no part of one`(login: ByteBuffer) {
        #expect(FirstWords(login) == .login)
        #expect(FirstWords(login + ByteBuffer(string: "hello\n")) == .login)
        for length in 1..<login.readableBytes {
            #expect(FirstWords(ByteBuffer(bytes: login.readableBytesView.prefix(length))) == .other)
        }
    }

    @Test func `silence is told from what is no login`() {
        #expect(FirstWords(ByteBuffer()) == .nothing)
        let others = [
            "x", "\n\n", "no name!\nsecret\n", #"{"ping":{}}"# + "\n", #"{"login":"# + "\n",
            #"{"login":{"user":"no name!"}}"# + "\n", "MESH/1\r\n", "MESH/1\r\n\u{7f}", "GET / HTTP/1.1\r\n\r\n",
        ]
        for other in others { #expect(FirstWords(ByteBuffer(string: other)) == .other, "\(other)") }
        #expect(FirstWords(ByteBuffer(bytes: [0x16, 0x03, 0x01, 0x02, 0x00, 0x01])) == .other)
        #expect(FirstWords(ByteBuffer(bytes: [0xFF, 0x0A, 0xFE, 0x0A])) == .other)
    }
}

extension ByteBuffer {
    fileprivate static func + (first: ByteBuffer, second: ByteBuffer) -> ByteBuffer {
        ByteBuffer(bytes: Array(first.readableBytesView) + Array(second.readableBytesView))
    }
}
