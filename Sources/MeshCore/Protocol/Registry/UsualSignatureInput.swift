// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials

/// Reads a `Signature-Input` that is written as RFC 9421 wants it to be: one signature, in the canonical form of structured
/// fields, without what our profile doesn't know.
///
/// Accepts nothing that the parser of structured fields would not take for the same.
struct UsualSignatureInput {
    private static let opening = Array(
        "\(RequestSignature.label)=(\(RequestSignature.components.map { "\"\($0)\"" }.joined(separator: " ")))".utf8
    )

    private let bytes: [UInt8]
    private var position = 0
    private var created: Int64?
    private var nonce: String?
    private var device: DeviceID?
    private var algorithm: String?
    private var tag: String?

    /// Nil where it is written in another way, or isn't one of our profile.
    static func signer(in header: String) -> RequestSigner? {
        var input = UsualSignatureInput(bytes: Array(header.utf8))
        return input.signer()
    }

    private init(bytes: [UInt8]) {
        self.bytes = bytes
    }

    private mutating func signer() -> RequestSigner? {
        guard take(Self.opening) else { return nil }
        while position < bytes.count { guard takeParameter() else { return nil } }
        guard let created, let nonce, let device, algorithm == RequestSignature.algorithm, tag == RequestSignature.tag
        else { return nil }
        return RequestSigner(device: device, created: Date(timeIntervalSince1970: TimeInterval(created)), nonce: nonce)
    }

    /// One of the five, none of them twice.
    private mutating func takeParameter() -> Bool {
        if created == nil, take(Array(";created=".utf8)) {
            created = integer()
            return created != nil
        }
        if nonce == nil, take(Array(";nonce=".utf8)) {
            nonce = string()
            return nonce.map { (1...64).contains($0.utf8.count) } ?? false
        }
        if device == nil, take(Array(";keyid=".utf8)) {
            device = string().flatMap { text in DeviceID(text).flatMap { $0.description == text ? $0 : nil } }
            return device != nil
        }
        if algorithm == nil, take(Array(";alg=".utf8)) {
            algorithm = string()
            return algorithm != nil
        }
        if tag == nil, take(Array(";tag=".utf8)) {
            tag = string()
            return tag != nil
        }
        return false
    }

    private mutating func take(_ text: [UInt8]) -> Bool {
        guard bytes[position...].starts(with: text) else { return false }
        position += text.count
        return true
    }

    /// Up to 15 digits, which don't begin with a zero.
    private mutating func integer() -> Int64? {
        let digits = bytes[position...].prefix { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
        guard (1...15).contains(digits.count), digits.first != UInt8(ascii: "0") else { return nil }
        position += digits.count
        return digits.reduce(0) { $0 * 10 + Int64($1 - UInt8(ascii: "0")) }
    }

    /// Printable ASCII between quotation marks, with nothing in it that has to be escaped.
    private mutating func string() -> String? {
        guard take([UInt8(ascii: "\"")]) else { return nil }
        let text = bytes[position...].prefix {
            (0x20...0x7E).contains($0) && $0 != UInt8(ascii: "\"") && $0 != UInt8(ascii: "\\")
        }
        position += text.count
        return take([UInt8(ascii: "\"")]) ? String(decoding: text, as: UTF8.self) : nil
    }
}
