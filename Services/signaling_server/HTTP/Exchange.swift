// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import HTTPTypes
import Hummingbird
import MeshCore
import NIOCore

/// A request, and what its answer depends on.
struct Exchange: Sendable {
    let request: Request
    let form: AnswerForm
    /// Who sends it, behind the proxies that are trusted.
    let remote: Endpoint?
    private let channel: any Channel

    init(_ request: Request, context: ConnectionContext, proxies: ProxyChain) {
        (self.request, channel) = (request, context.channel)
        form = AnswerForm(accept: request.headers[.accept])
        let headers = request.headers
        remote = proxies.client(
            remote: context.remote,
            forwarded: HTTPField.Name("Forwarded").flatMap { headers[$0] },
            forwardedFor: HTTPField.Name("X-Forwarded-For").flatMap { headers[$0] }
        )
    }

    /// The token in `Authorization: Bearer …`; another scheme is a token that is none.
    var bearer: String? {
        guard let header = request.headers[.authorization] else { return nil }
        let words = header.split(separator: " ")
        return words.count == 2 && words[0].lowercased() == "bearer" ? String(words[1]) : ""
    }

    /// Who sends a request, and its body, which a signature covers.
    func sender(
        _ registry: LiveRegistry,
        _ limits: Limits,
        largestBody limit: Int = 0
    ) async throws -> (sender: RegistrySender, body: ByteBuffer) {
        let body = try await body(limit: limit)
        let parts = SignedParts(
            method: request.method.rawValue,
            authority: request.head.authority ?? "",
            target: request.head.path ?? "",
            body: Data(body.readableBytesView)
        )
        let headers = request.headers
        let signer = try registry.signer(of: parts) { name in HTTPField.Name(name).flatMap { headers[$0] } }
        try limits.signed(by: signer, at: .now())
        return (RegistrySender(signer: signer, observed: remote), body)
    }

    /// The connection, as one that a stream is to go over; the slot is given back when it closes.
    func stream(_ slot: Limits.Slot, _ limits: Limits) -> any Channel {
        channel.closeFuture.whenComplete { _ in limits.closeStream(slot) }
        return channel
    }

    private func body(limit: Int) async throws(RequestFault) -> ByteBuffer {
        let length = request.headers[.contentLength].map { Int($0) ?? .max } ?? 0
        guard length <= limit else { throw .tooLong(limit: limit) }
        do {
            return try await request.body.collect(upTo: limit)
        } catch is NIOTooManyBytesError {
            throw .tooLong(limit: limit)
        } catch {
            throw .brokenOff
        }
    }
}
