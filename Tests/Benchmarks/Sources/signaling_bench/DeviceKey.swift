// SPDX-License-Identifier: Apache-2.0

import Bench
import COpenSSL
import Foundation

/// A device's key, and requests signed with it, made without any of the code that is measured.
final class DeviceKey: @unchecked Sendable {
    // Used by one thread at a time.
    private let key: OpaquePointer
    let id: String
    private let shown: String
    private var nonces = UInt64.random(in: 0...UInt64.max / 2)

    init() throws {
        guard let key = newKeyOnP256() else { throw Failure("no key could be made") }
        self.key = key
        var bytes: UnsafeMutablePointer<UInt8>?
        let length = i2d_PUBKEY(key, &bytes)
        guard length > 0, let bytes else { throw Failure("no key could be written") }
        let der = Array(UnsafeBufferPointer(start: bytes, count: Int(length)))
        free(bytes)
        shown = Data(der).base64EncodedString()
        id = Self.id(of: sha256(der))
    }

    /// A request, signed now or as if at another time.
    func signed(
        _ method: String,
        _ target: String,
        port: UInt16,
        body: String = "",
        at date: Date = Date()
    ) throws -> [UInt8] {
        nonces += 1
        let digest = Data(sha256(Array(body.utf8))).base64EncodedString()
        let covered = #"("@method" "@authority" "@path" "@query" "content-digest" "mesh-key")"#
        let input =
            covered + ";created=\(Int(date.timeIntervalSince1970));nonce=\"\(nonces)\";keyid=\"\(id)\""
            + #";alg="ecdsa-p256-sha256";tag="swift-mesh""#
        let base = [
            "\"@method\": \(method)", "\"@authority\": 127.0.0.1:\(port)", "\"@path\": \(target)", "\"@query\": ?",
            "\"content-digest\": sha-256=:\(digest):", "\"mesh-key\": :\(shown):", "\"@signature-params\": \(input)",
        ].joined(separator: "\n")
        let headers = [
            "Content-Digest: sha-256=:\(digest):", "Mesh-Key: :\(shown):", "Signature-Input: mesh=\(input)",
            "Signature: mesh=:\(Data(try signature(of: base)).base64EncodedString()):",
        ]
        return request(method, target, port: port, headers: headers, body: body)
    }

    /// r and s, 32 bytes each.
    private func signature(of text: String) throws -> [UInt8] {
        let context = EVP_MD_CTX_new()
        defer { EVP_MD_CTX_free(context) }
        let bytes = Array(text.utf8)
        var der = [UInt8](repeating: 0, count: 80)
        var length = der.count
        guard EVP_DigestSignInit(context, nil, EVP_sha256(), nil, key) == 1,
            EVP_DigestSign(context, &der, &length, bytes, bytes.count) == 1
        else { throw Failure("nothing could be signed") }
        var raw: [UInt8] = []
        var position = 2
        for _ in 0..<2 {
            let size = Int(der[position + 1])
            let number = der[(position + 2)..<(position + 2 + size)].drop { $0 == 0 }
            raw += [UInt8](repeating: 0, count: 32 - number.count) + number
            position += 2 + size
        }
        return raw
    }

    /// The first 122 bits, as a UUID of version 8.
    private static func id(of digest: [UInt8]) -> String {
        var bytes = Array(digest.prefix(16))
        var bits: [UInt8] = bytes.flatMap { byte in (0..<8).map { byte >> (7 - $0) & 1 } }
        bits.removeLast(6)
        bits.insert(contentsOf: [1, 0, 0, 0], at: 48)
        bits.insert(contentsOf: [1, 0], at: 64)
        bytes = (0..<16).map { place in bits[(place * 8)..<(place * 8 + 8)].reduce(0) { $0 << 1 | $1 } }
        let text = bytes.map { String(format: "%02x", $0) }.joined()
        let cuts = [0, 8, 12, 16, 20, 32]
        return zip(cuts, cuts.dropFirst()).map { String(Array(text)[$0..<$1]) }.joined(separator: "-")
    }
}

private func sha256(_ bytes: [UInt8]) -> [UInt8] {
    var digest = [UInt8](repeating: 0, count: 32)
    SHA256(bytes, bytes.count, &digest)
    return digest
}

private func newKeyOnP256() -> OpaquePointer? {
    let context = EVP_PKEY_CTX_new_id(EVP_PKEY_EC, nil)
    defer { EVP_PKEY_CTX_free(context) }
    var key: OpaquePointer?
    guard EVP_PKEY_keygen_init(context) == 1,
        EVP_PKEY_CTX_set_ec_paramgen_curve_nid(context, NID_X9_62_prime256v1) == 1, EVP_PKEY_keygen(context, &key) == 1
    else { return nil }
    return key
}
