// SPDX-License-Identifier: Apache-2.0

package import Crypto
package import FoundationEssentials
import RawStructuredFieldValues

/// The one profile of HTTP message signatures (RFC 9421) that devices sign their requests with.
///
/// ```
/// Content-Digest: sha-256=:…:                             RFC 9530, over the body, also an empty one
/// Mesh-Key: :…:                                           the key, SubjectPublicKeyInfo in DER
/// Signature-Input: mesh=("@method" "@authority" "@path" "@query" "content-digest" "mesh-key");created=1700000000
///     ;nonce="…";keyid="<device id>";alg="ecdsa-p256-sha256";tag="swift-mesh"
/// Signature: mesh=:…:                                     r and s, 32 bytes each
/// ```
///
/// The components are these in this order; the parameters are these in any order. As an id is made of its key, the key
/// that comes along needs no other proof than that the key id is its own.
package enum RequestSignature {
    /// How far apart the clocks of the signer and the verifier may be, the way included, in seconds.
    package static let window: TimeInterval = 30

    static let label = "mesh"
    static let algorithm = "ecdsa-p256-sha256"
    static let tag = "swift-mesh"
    static let components = ["@method", "@authority", "@path", "@query", "content-digest", "mesh-key"]

    /// The headers that sign a request.
    ///
    /// A nonce is 1 to 64 characters of printable ASCII, and never used again.
    package static func headers(
        for parts: SignedParts,
        key: P256.Signing.PrivateKey,
        at date: Date,
        nonce: String
    ) throws -> [String: String] {
        var parameters = OrderedMap<String, RFC9651BareItem>()
        parameters["created"] = .integer(Int64(date.timeIntervalSince1970))
        parameters["nonce"] = .string(nonce)
        parameters["keyid"] = .string(DeviceID(of: key.publicKey).description)
        parameters["alg"] = .string(algorithm)
        parameters["tag"] = .string(tag)
        let covered = components.map { Item(bareItem: .string($0), parameters: OrderedMap<String, RFC9651BareItem>()) }
        var list = BareInnerList()
        for item in covered { list.append(item) }
        let input = try text(of: InnerList(bareInnerList: list, parameters: parameters))
        var headers = [
            "Content-Digest": "sha-256=:\(Data(SHA256.hash(data: parts.body)).base64EncodedString()):",
            "Mesh-Key": ":\(key.publicKey.derRepresentation.base64EncodedString()):",
            "Signature-Input": "\(label)=\(input)",
        ]
        let base = base(parts, digest: headers["Content-Digest"] ?? "", key: headers["Mesh-Key"] ?? "", input: input)
        let signature = try key.signature(for: base).rawRepresentation
        headers["Signature"] = "\(label)=:\(signature.base64EncodedString()):"
        return headers
    }

    /// Who signed a request; nil where nobody did.
    ///
    /// `header` gives the value of a header, several joined by commas.
    ///
    /// Whether the nonce was seen before is for a ``ReplayGuard`` to say.
    package static func signer(
        of parts: SignedParts,
        header: @escaping (String) -> String?,
        at now: Date
    ) throws(SignatureFault) -> RequestSigner? {
        if header("Signature-Input") == nil, header("Signature") == nil { return nil }
        let headers = try SignatureHeaders(header)
        let age = now.timeIntervalSince(headers.signer.created)
        guard abs(age) <= window else { throw age > 0 ? .expired : .fromTheFuture }
        guard headers.key.device == headers.signer.device else { throw .otherKey }
        guard headers.digest == Data(SHA256.hash(data: parts.body)) else { throw .otherBody }
        let base = base(parts, digest: headers.digestText, key: headers.keyText, input: headers.input)
        guard headers.key.key.isValidSignature(headers.signature, for: base) else { throw .wrong }
        return headers.signer
    }

    /// The signature base (RFC 9421, section 2.5): a line for each component, and last the parameters.
    private static func base(_ parts: SignedParts, digest: String, key: String, input: String) -> [UInt8] {
        let lines = [
            "\"@method\": \(parts.method)",
            "\"@authority\": \(parts.authority)",
            "\"@path\": \(parts.path)",
            "\"@query\": \(parts.query)",
            "\"content-digest\": \(digest)",
            "\"mesh-key\": \(key)",
            "\"@signature-params\": \(input)",
        ]
        var bytes: [UInt8] = []
        bytes.reserveCapacity(768)
        for line in lines {
            if !bytes.isEmpty { bytes.append(UInt8(ascii: "\n")) }
            bytes += line.utf8
        }
        return bytes
    }

    static func text(of list: InnerList) throws -> String {
        var serializer = StructuredFieldValueSerializer()
        return String(decoding: try serializer.writeListFieldValue([.innerList(list)]), as: UTF8.self)
    }
}

/// Who signed a request, when, and with which nonce.
package struct RequestSigner: Equatable, Sendable {
    package let device: DeviceID
    package let created: Date
    package let nonce: String
}

/// Why a signature doesn't count.
package enum SignatureFault: Error, Equatable, Sendable {
    case missing(header: String)
    case malformed(header: String)
    /// It was made more than the window ago, or before the server started.
    case expired
    case fromTheFuture
    /// The key is not the one that the id is made of.
    case otherKey
    /// The body is not the one that the digest was made of.
    case otherBody
    /// The key did not sign this request.
    case wrong
    case replayed
    /// More signatures came within the window than can be remembered.
    case tooMany
}

extension SignatureFault: CustomStringConvertible {
    package var description: String {
        switch self {
        case .missing(let header): "the signed request has no \(header) header"
        case .malformed(let header): "the \(header) header is not as the signature profile wants it"
        case .expired: "the signature is too old: set the clock right, and sign each request anew"
        case .fromTheFuture: "the signature was made in the future: set the clock right"
        case .otherKey: "the signature's key id was not made of the key that came along"
        case .otherBody: "the body is not the one that was signed"
        case .wrong: "the signature is not one of this request by this key"
        case .replayed: "the signature was used before: sign each request anew, with a new nonce"
        case .tooMany: "too many signed requests: try again in a minute"
        }
    }
}
