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

    @Test(arguments: logins) func `a login is seen when it is whole, whatever follows`(login: ByteBuffer) {
        #expect(FirstWords(login) == .login)
        #expect(FirstWords(login + ByteBuffer(string: "hello\n")) == .login)
        for length in 0..<login.readableBytes {
            #expect(FirstWords(ByteBuffer(bytes: login.readableBytesView.prefix(length))) == .unfinished)
        }
    }

    @Test func `what is no login is told from the beginning of one`() {
        let others = [
            "\n\n", "no name!\nsecret\n", #"{"ping":{}}"# + "\n", #"{"login":"# + "\n",
            #"{"login":{"user":"no name!"}}"# + "\n", "MESH/1\r\n\0", "GET / HTTP/1.1\r\n",
            String(repeating: "x", count: FirstWords.length), "{" + String(repeating: " ", count: FirstWords.length),
        ]
        for other in others { #expect(FirstWords(ByteBuffer(string: other)) == .other, "\(other)") }
        #expect(FirstWords(ByteBuffer(bytes: [0x16, 0x03, 0x01, 0x02, 0x00, 0x01])) == .other)
        #expect(FirstWords(ByteBuffer(bytes: [0xFF, 0x0A, 0xFE, 0x0A])) == .other)
        #expect(FirstWords(ByteBuffer(bytes: [0xFF, 0x0A])) == .unfinished)
    }
}

extension ByteBuffer {
    fileprivate static func + (first: ByteBuffer, second: ByteBuffer) -> ByteBuffer {
        ByteBuffer(bytes: Array(first.readableBytesView) + Array(second.readableBytesView))
    }
}
