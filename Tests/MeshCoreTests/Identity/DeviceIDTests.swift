// SPDX-License-Identifier: Apache-2.0

import Crypto
import Foundation
import MeshCore
import Testing

@Suite struct DeviceIDTests {
    @Test func `an id is made of the first 122 bits of the digest over the key`() throws {
        let key = P256.Signing.PrivateKey().publicKey
        // The digest as a string of bits, and version 8 and variant 10 put in between.
        let digest = SHA256.hash(data: key.derRepresentation).map { byte in
            let bits = String(byte, radix: 2)
            return String(repeating: "0", count: 8 - bits.count) + bits
        }.joined()
        let bits = digest.prefix(48) + "1000" + digest.dropFirst(48).prefix(12) + "10" + digest.dropFirst(60).prefix(62)
        let digits = stride(from: 0, to: 128, by: 4).map { position in
            String(Int(bits.dropFirst(position).prefix(4), radix: 2) ?? -1, radix: 16)
        }.joined()
        #expect(DeviceID(of: key).description.filter { $0 != "-" } == digits)
    }

    @Test func `an id is a UUID of version 8 that parses back, in either case`() throws {
        for _ in 0..<100 {
            let id = DeviceID(of: P256.Signing.PrivateKey().publicKey)
            let uuid = try #require(UUID(uuidString: id.description))
            #expect(uuid.uuid.6 >> 4 == 8)
            #expect(uuid.uuid.8 >> 6 == 0b10)
            #expect(DeviceID(id.description) == id)
            #expect(DeviceID(id.description.uppercased()) == id)
            #expect(id.description.hasPrefix(id.short))
        }
    }

    @Test(arguments: [
        "", "a", "00000000-0000-4000-8000-000000000000", "00000000-0000-8000-0000-000000000000",
        "00000000-0000-8000-8000-00000000000", "00000000-0000-8000-8000-0000000000000",
        "00000000+0000-8000-8000-000000000000", "0000000g-0000-8000-8000-000000000000",
        "00000000-0000-8000-8000-00000000000\n", "０0000000-0000-8000-8000-00000000000",
    ])
    func `what is no such UUID is no id`(text: String) {
        #expect(DeviceID(text) == nil)
    }

    @Test func `ids sort as their text does`() {
        let ids = (0..<50).map { _ in DeviceID(of: P256.Signing.PrivateKey().publicKey) }
        #expect(ids.sorted().map(\.description) == ids.map(\.description).sorted())
    }
}
