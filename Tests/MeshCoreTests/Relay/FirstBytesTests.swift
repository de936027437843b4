// SPDX-License-Identifier: Apache-2.0

import MeshCore
import NIOCore
import Testing

@Suite struct FirstBytesTests {
    private func look(_ bytes: [UInt8], insideTLS: Bool = false) -> FirstBytes {
        FirstBytes(ByteBuffer(bytes: bytes).readableBytesView, insideTLS: insideTLS)
    }

    @Test(arguments: [
        ("MESH/1\r\n", FirstBytes.dialect(.binary)), ("MESH/1\r\nmore", .dialect(.binary)), ("{", .dialect(.json)),
        ("{\"login\"", .dialect(.json)), ("GET / HTTP/1.1\r\n", .http), ("POST /", .http),
        ("alice\n", .dialect(.lines)),
        ("GETTY\n", .dialect(.lines)), ("MESH/2\r\n", .dialect(.lines)), ("\n", .dialect(.lines)),
        (" {", .dialect(.lines)), ("", .undecided), ("MESH/1\r", .undecided), ("M", .undecided), ("GET", .undecided),
    ])
    func `the first bytes tell the dialect`(text: String, expected: FirstBytes) {
        #expect(look(Array(text.utf8)) == expected)
    }

    @Test func `each prefix of a sign is undecided or already decided for it`() {
        for sign in ["MESH/1\r\n", "DELETE "] {
            for length in 0..<sign.utf8.count { #expect(look(Array(sign.utf8.prefix(length))) == .undecided) }
        }
    }

    @Test func `a TLS handshake is seen outside and is no TLS inside`() {
        #expect(look([0x16]) == .undecided)
        #expect(look([0x16, 0x03, 0x01]) == .tls)
        #expect(look([0x16, 0x04]) == .dialect(.lines))
        #expect(look([0x16, 0x03, 0x01], insideTLS: true) == .dialect(.lines))
    }

    @Test func `bytes that are no text are lines`() {
        #expect(look([0xFF]) == .dialect(.lines))
        #expect(look([0x00]) == .dialect(.lines))
    }
}
