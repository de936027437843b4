// SPDX-License-Identifier: Apache-2.0

import Crypto
import FoundationEssentials
import RawStructuredFieldValues

/// The headers of a signed request, taken apart and held against the profile of ``RequestSignature``; nothing is
/// verified yet.
struct SignatureHeaders {
    let signer: RequestSigner
    let key: P256.Signing.PublicKey
    let digest: Data
    let signature: P256.Signing.ECDSASignature
    /// The covered components and the parameters, in the one way to write them.
    let input: String

    init(_ header: @escaping (String) -> String?) throws(SignatureFault) {
        let fields = SignatureFields(header: header)
        let list = try fields.innerList("Signature-Input", RequestSignature.label)
        let isCovered = list.bareInnerList.map { item -> String? in
            guard item.rfc9651Parameters.isEmpty, case .string(let name) = item.rfc9651BareItem else { return nil }
            return name
        }
        guard isCovered == RequestSignature.components, let signer = RequestSigner(list.rfc9651Parameters),
            let input = try? RequestSignature.text(of: list)
        else { throw .malformed(header: "Signature-Input") }
        (self.signer, self.input) = (signer, input)

        let der = try fields.key()
        guard let key = try? P256.Signing.PublicKey(derRepresentation: der) else {
            throw .malformed(header: "Mesh-Key")
        }
        self.key = key
        digest = try fields.bytes("Content-Digest", "sha-256")
        let raw = try fields.bytes("Signature", RequestSignature.label)
        guard let signature = try? P256.Signing.ECDSASignature(rawRepresentation: raw) else {
            throw .malformed(header: "Signature")
        }
        self.signature = signature
    }
}

/// Structured fields (RFC 9651) out of headers.
private struct SignatureFields {
    let header: (String) -> String?

    func innerList(_ name: String, _ member: String) throws(SignatureFault) -> InnerList {
        guard case .innerList(let list)? = try dictionary(name)[member] else { throw .malformed(header: name) }
        return list
    }

    func bytes(_ name: String, _ member: String) throws(SignatureFault) -> Data {
        guard case .item(let item)? = try dictionary(name)[member], let bytes = item.bytes else {
            throw .malformed(header: name)
        }
        return bytes
    }

    func key() throws(SignatureFault) -> Data {
        let name = "Mesh-Key"
        var parser = StructuredFieldValueParser(try value(name))
        guard let bytes = (try? parser.parseItemFieldValue())?.bytes else { throw .malformed(header: name) }
        return bytes
    }

    private func dictionary(_ name: String) throws(SignatureFault) -> OrderedMap<String, ItemOrInnerList> {
        var parser = StructuredFieldValueParser(try value(name))
        guard let members = try? parser.parseDictionaryFieldValue() else { throw .malformed(header: name) }
        return members
    }

    private func value(_ name: String) throws(SignatureFault) -> [UInt8] {
        guard let value = header(name) else { throw .missing(header: name) }
        return Array(value.utf8)
    }
}

extension Item {
    fileprivate var bytes: Data? {
        guard rfc9651Parameters.isEmpty, case .undecodedByteSequence(let text) = rfc9651BareItem else { return nil }
        // One spelling for the same bytes: the unused bits of the last letter are none.
        return Data(base64Encoded: text).flatMap { $0.base64EncodedString() == text ? $0 : nil }
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
