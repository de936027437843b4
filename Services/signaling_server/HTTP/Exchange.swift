// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import HTTPTypes
import Hummingbird
import MeshCore
import NIOCore

/// The head of a request, and what its answer depends on.
struct Exchange: Sendable {
    let head: HTTPRequest
    let form: AnswerForm
    /// Who sends it, behind the proxies that are trusted.
    let remote: Endpoint?
    /// Why nobody can say who that is; then `remote` is the proxy.
    let fault: ProxyFault?

    init(_ head: HTTPRequest, from remote: Endpoint?, proxies: ProxyChain) {
        self.head = head
        form = AnswerForm(accept: head.headerFields[.accept])
        do throws(ProxyFault) {
            self.remote = try proxies.client(
                remote: remote,
                forwarded: Self.forwarded.flatMap { head.headerFields[$0] },
                forwardedFor: Self.forwardedFor.flatMap { head.headerFields[$0] }
            )
            fault = nil
        } catch {
            (self.remote, fault) = (remote, error)
        }
    }

    private static let forwarded = HTTPField.Name("Forwarded")
    private static let forwardedFor = HTTPField.Name("X-Forwarded-For")

    /// The headers of a signature, whose names need not be checked with each request.
    private static let signing: [String: HTTPField.Name] = [
        "Content-Digest", "Mesh-Key", "Signature", "Signature-Input",
    ].reduce(into: [:]) { $0[$1] = HTTPField.Name($1) }

    /// The token in `Authorization: Bearer …`; another scheme is a token that is none.
    var bearer: String? {
        guard let header = head.headerFields[.authorization] else { return nil }
        let words = header.split(separator: " ")
        return words.count == 2 && words[0].lowercased() == "bearer" ? String(words[1]) : ""
    }

    /// Who sends the request, whose signature covers the body.
    func sender(of body: ByteBuffer, _ registry: LiveRegistry, _ limits: Limits) throws -> RegistrySender {
        let parts = SignedParts(
            method: head.method.rawValue,
            authority: head.authority ?? "",
            target: head.path ?? "",
            body: Data(body.readableBytesView)
        )
        let headers = head.headerFields
        let signer = try registry.signer(of: parts) { name in
            (Self.signing[name] ?? HTTPField.Name(name)).flatMap { headers[$0] }
        }
        try limits.signed(by: signer, at: .now())
        return RegistrySender(signer: signer, observed: remote)
    }
}

extension Request {
    /// The whole body.
    func body(limit: Int) async throws(RequestFault) -> ByteBuffer {
        let length = headers[.contentLength].map { Int($0) ?? .max } ?? 0
        guard length <= limit else { throw .tooLong(limit: limit) }
        do {
            return try await body.collect(upTo: limit)
        } catch is NIOTooManyBytesError {
            throw .tooLong(limit: limit)
        } catch {
            throw .brokenOff
        }
    }
}
