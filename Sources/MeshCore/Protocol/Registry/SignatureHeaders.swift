// SPDX-License-Identifier: Apache-2.0

import Crypto
import FoundationEssentials
import RawStructuredFieldValues

/// The headers of a signed request, taken apart and held against the profile of ``RequestSignature``; nothing is
/// verified yet.
struct SignatureHeaders {
    let signer: RequestSigner
    let key: ShownKey
    let keyText: String
    let digest: Data
    let digestText: String
    let signature: P256.Signing.ECDSASignature
    /// The covered components and the parameters, in the one way to write them.
    let input: String

    init(_ header: @escaping (String) -> String?) throws(SignatureFault) {
        let fields = SignatureFields(header: header)
        (signer, input) = try fields.input()
        keyText = try fields.value("Mesh-Key")
        guard let key = try? ShownKey(der: fields.key(keyText)) else { throw .malformed(header: "Mesh-Key") }
        self.key = key
        digestText = try fields.value("Content-Digest")
        digest = try fields.bytes(digestText, of: "Content-Digest", "sha-256")
        let raw = try fields.bytes(fields.value("Signature"), of: "Signature", RequestSignature.label)
        guard let signature = try? P256.Signing.ECDSASignature(rawRepresentation: raw) else {
            throw .malformed(header: "Signature")
        }
        self.signature = signature
    }
}

/// The key that came along, and the id that is made of it.
struct ShownKey {
    let key: P256.Signing.PublicKey
    let device: DeviceID

    /// What SubjectPublicKeyInfo (RFC 5480) has before the point of any key on P-256 that is not compressed.
    private static let prefix: [UInt8] = [
        0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x02, 0x01,
        0x06, 0x08, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
    ]

    /// Fails where the bytes are no such key.
    init(der: Data) throws {
        // Nothing of what begins so can be written in another way, so it needs no parsing, nor writing for the id.
        if der.starts(with: Self.prefix) {
            key = try P256.Signing.PublicKey(x963Representation: der.dropFirst(Self.prefix.count))
            device = DeviceID(ofDER: der)
        } else {
            key = try P256.Signing.PublicKey(derRepresentation: der)
            device = DeviceID(of: key)
        }
    }
}

/// Structured fields (RFC 9651) out of headers.
///
/// Each is first taken for what nearly all clients write, a dictionary with the one member, in its canonical form; what
/// is written in another way is left to the parser of the whole language, which is slower by far.
private struct SignatureFields {
    let header: (String) -> String?

    func input() throws(SignatureFault) -> (signer: RequestSigner, text: String) {
        let name = "Signature-Input"
        let value = try value(name)
        if let signer = UsualSignatureInput.signer(in: value) {
            return (
                signer,
                String(value[value.utf8.index(value.startIndex, offsetBy: RequestSignature.label.utf8.count + 1)...])
            )
        }
        guard case .innerList(let list)? = try dictionary(value, of: name)[RequestSignature.label] else {
            throw .malformed(header: name)
        }
        let covered = list.bareInnerList.map { item -> String? in
            guard item.rfc9651Parameters.isEmpty, case .string(let name) = item.rfc9651BareItem else { return nil }
            return name
        }
        guard covered == RequestSignature.components, let signer = RequestSigner(list.rfc9651Parameters),
            let text = try? RequestSignature.text(of: list)
        else { throw .malformed(header: name) }
        return (signer, text)
    }

    func bytes(_ value: String, of name: String, _ member: String) throws(SignatureFault) -> Data {
        if let bytes = Self.usualBytes(value, after: member + "=:") { return bytes }
        guard case .item(let item)? = try dictionary(value, of: name)[member], let bytes = item.bytes else {
            throw .malformed(header: name)
        }
        return bytes
    }

    func key(_ value: String) throws(SignatureFault) -> Data {
        if let bytes = Self.usualBytes(value, after: ":") { return bytes }
        var parser = StructuredFieldValueParser(Array(value.utf8))
        guard let bytes = (try? parser.parseItemFieldValue())?.bytes else { throw .malformed(header: "Mesh-Key") }
        return bytes
    }

    private static func usualBytes(_ value: String, after prefix: String) -> Data? {
        let bytes = value.utf8
        guard bytes.starts(with: prefix.utf8), bytes.count > prefix.utf8.count, bytes.last == UInt8(ascii: ":") else {
            return nil
        }
        return Data(canonicalBase64: String(Substring(bytes.dropFirst(prefix.utf8.count).dropLast())))
    }

    private func dictionary(
        _ value: String,
        of name: String
    ) throws(SignatureFault) -> OrderedMap<String, ItemOrInnerList> {
        var parser = StructuredFieldValueParser(Array(value.utf8))
        guard let members = try? parser.parseDictionaryFieldValue() else { throw .malformed(header: name) }
        return members
    }

    func value(_ name: String) throws(SignatureFault) -> String {
        guard let value = header(name) else { throw .missing(header: name) }
        return value
    }
}

extension Item {
    fileprivate var bytes: Data? {
        guard rfc9651Parameters.isEmpty, case .undecodedByteSequence(let text) = rfc9651BareItem else { return nil }
        return Data(canonicalBase64: text)
    }
}

extension Data {
    /// One spelling for the same bytes: the unused bits of the last letter are none.
    fileprivate init?(canonicalBase64 text: String) {
        self.init(base64Encoded: text)
        guard base64EncodedString() == text else { return nil }
    }
}

extension RequestSigner {
    /// Nil unless the parameters are exactly those of the profile.
    fileprivate init?(_ parameters: OrderedMap<String, RFC9651BareItem>) {
        guard parameters.count == 5, parameters["alg"] == .string(RequestSignature.algorithm),
            parameters["tag"] == .string(RequestSignature.tag), case .integer(let created)? = parameters["created"],
            case .string(let nonce)? = parameters["nonce"], (1...64).contains(nonce.utf8.count),
            case .string(let keyID)? = parameters["keyid"], let device = DeviceID(keyID),
            device.description == keyID
        else { return nil }
        self.init(device: device, created: Date(timeIntervalSince1970: TimeInterval(created)), nonce: nonce)
    }
}
