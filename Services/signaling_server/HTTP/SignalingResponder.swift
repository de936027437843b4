// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import HTTPTypes
package import Hummingbird
package import Logging
package import MeshAdmin
import MeshCore
import Metrics
import NIOCore

/// Answers the requests of the HTTP interface.
package struct SignalingResponder: HTTPResponder {
    package typealias Context = ConnectionContext

    private let registry: LiveRegistry
    private let browsers: BrowserGuard
    private let logger: Logger

    package init(registry: LiveRegistry, browsers: BrowserGuard, logger: Logger) {
        (self.registry, self.browsers, self.logger) = (registry, browsers, logger)
    }

    /// Never throws: what goes wrong is an answer too.
    package func respond(to request: Request, context: ConnectionContext) async -> Response {
        let form = AnswerForm(accept: request.headers[.accept])
        var response: Response
        do {
            response = try await answer(request, form: form, remote: context.remote)
        } catch {
            response = refusal(of: error, request: request, form: form, remote: context.remote)
        }
        return request.method == .head ? response.createHeadResponse() : response
    }

    private func answer(_ request: Request, form: AnswerForm, remote: Endpoint?) async throws -> Response {
        let route = try Route(method: request.method.rawValue, target: request.head.path ?? "")
        try browsers.check(request.head, isChange: route.isChange)
        switch route {
        case .health:
            return form.response(.ok, json: .object(["status": .string("ok")]), plain: "ok\n")
        case .devices(let query):
            return try await list(DeviceQuery(query, form: form), tag: request.headers[.ifNoneMatch], form: form)
        case .device(let id):
            let record = try await registry.record(of: id)
            return form.response(.ok, json: record.json, plain: record.line)
        case .register:
            let (sender, body) = try await sender(of: request, remote: remote)
            guard request.headers[.contentType]?.isJSON ?? true else { throw RequestFault.mediaType }
            return try await register(Self.registration(in: body), from: sender, form: form)
        case .registerID(let id):
            let (sender, _) = try await sender(of: request, remote: remote)
            return try await register(Registration(id: id), from: sender, form: form)
        case .remove(let id):
            try await registry.remove(id, from: sender(of: request, remote: remote).0)
            return Response(status: .noContent)
        case .heartbeat(let id):
            let record = try await registry.heartbeat(id, from: sender(of: request, remote: remote).0)
            return form.response(.ok, json: record.json, plain: record.line)
        }
    }

    private func register(
        _ registration: Registration,
        from sender: RegistrySender,
        form: AnswerForm
    ) async throws -> Response {
        let (record, isNew) = try await registry.register(registration, from: sender)
        if isNew { logger.debug("A device registered", metadata: ["device": "\(record.id)"]) }
        // The earlier server knew no other status.
        let status = isNew && form == .json ? HTTPResponse.Status.created : .ok
        let seen = sender.observed.map { " with IP \($0)" } ?? ""
        var response = form.response(status, json: record.json, plain: "Registered device \(record.id)\(seen)\n")
        if isNew { response.headers[.location] = "/devices/\(record.id)" }
        return response
    }

    private func list(_ query: DeviceQuery, tag: String?, form: AnswerForm) async throws -> Response {
        if form == .json, let tag, await registry.currentTag().isOneOf(tag) {
            var response = Response(status: .notModified)
            response.headers[.eTag] = await registry.currentTag()
            response.headers[.vary] = "Accept"
            return response
        }
        let page = await registry.page(query)
        var response = form.response(
            .ok,
            json: .array(page.records.map(\.json)),
            plain: page.records.map(\.line).joined()
        )
        if form == .json { response.headers[.eTag] = page.tag }
        if page.isCut, let last = page.records.last, let link = HTTPField.Name("Link") {
            response.headers[link] = "<\(query.target(after: last.id))>; rel=\"next\""
        }
        return response
    }

    /// Who sends a request, and its body, which a signature covers.
    private func sender(of request: Request, remote: Endpoint?) async throws -> (RegistrySender, ByteBuffer) {
        let limit = RegistrationLimits.body
        let length = request.headers[.contentLength].map { Int($0) ?? .max } ?? 0
        guard length <= limit else { throw RequestFault.tooLong }
        let body: ByteBuffer
        do {
            body = try await request.body.collect(upTo: limit)
        } catch is NIOTooManyBytesError {
            throw RequestFault.tooLong
        } catch {
            throw RequestFault.brokenOff
        }
        let parts = SignedParts(
            method: request.method.rawValue,
            authority: request.head.authority ?? "",
            target: request.head.path ?? "",
            body: Data(body.readableBytesView)
        )
        let headers = request.headers
        let signer = try await registry.signer(of: parts) { name in HTTPField.Name(name).flatMap { headers[$0] } }
        return (RegistrySender(signer: signer, observed: remote), body)
    }

    private static func registration(in body: ByteBuffer) throws(RequestFault) -> Registration {
        do {
            return try Registration(parsing: body.readableBytesView)
        } catch {
            throw .registration(error)
        }
    }

    private func refusal(of error: any Error, request: Request, form: AnswerForm, remote: Endpoint?) -> Response {
        let problem = Problem(describing: error)
        Counter(label: "signaling_refusals", dimensions: [("cause", problem.cause)]).increment()
        logger.debug(
            "A request was refused",
            metadata: [
                "cause": "\(problem.cause)", "detail": "\(problem.detail)", "client": "\(remote?.description ?? "-")",
                "method": "\(request.method.rawValue)", "target": "\((request.head.path ?? "").printable)",
            ]
        )
        if problem.status == HTTPResponse.Status.internalServerError.code {
            logger.error("A request failed", metadata: ["reason": "\(error)"])
        }
        var response = form.response(problem)
        if case .method(let allowed)? = error as? RequestFault {
            response.headers[.allow] = allowed.joined(separator: ", ")
        }
        // The rest of the body may still be on its way; nobody wants it.
        if let fault = error as? RequestFault, fault == .tooLong || fault == .brokenOff {
            response.headers[.connection] = "close"
        }
        return response
    }
}

extension String {
    fileprivate var isJSON: Bool {
        let type = prefix { $0 != ";" && $0 != " " }.lowercased()
        return type == "application/json" || type.hasSuffix("+json")
    }

    /// Whether this tag is in an `If-None-Match` header.
    fileprivate func isOneOf(_ tags: String) -> Bool {
        tags == "*" || tags.split(separator: ",").contains { $0.drop { $0 == " " }.prefix { $0 != " " } == self }
    }
}
