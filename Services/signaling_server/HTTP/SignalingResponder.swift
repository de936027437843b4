// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import HTTPTypes
package import Hummingbird
package import Logging
import MeshAdmin
import MeshCore
import Metrics
import NIOCore

/// Answers the requests of the HTTP interface.
package struct SignalingResponder: HTTPResponder {
    package typealias Context = ConnectionContext

    private let registry: LiveRegistry
    private let streams: EventStreams
    private let guards: Guards
    private let logger: Logger

    package init(streams: EventStreams, guards: Guards, logger: Logger) {
        (registry, self.streams, self.guards, self.logger) = (streams.registry, streams, guards, logger)
    }

    /// Never throws: what goes wrong is an answer too.
    package func respond(to request: Request, context: ConnectionContext) async -> Response {
        let exchange = Exchange(request, context: context, proxies: guards.proxies)
        var response: Response
        do {
            response = try await answer(exchange)
        } catch {
            response = refusal(of: error, exchange)
        }
        return request.method == .head ? response.createHeadResponse() : response
    }

    private func answer(_ exchange: Exchange) async throws -> Response {
        try guards.limits.requested(from: exchange.remote, at: .now())
        let request = exchange.request
        let route = try Route(method: request.method.rawValue, target: request.head.path ?? "")
        try guards.browsers.check(request.head, isChange: route.isChange)
        switch route {
        case .health: return exchange.form.response(.ok, json: .object(["status": .string("ok")]), plain: "ok\n")
        case .ready: return await ready(exchange.form)
        case .file(let file): return file.response
        case .devices, .device, .watch, .mailbox: return try await read(route, exchange)
        case .register, .registerID, .remove, .heartbeat, .signal: return try await change(route, exchange)
        }
    }

    private func ready(_ form: AnswerForm) async -> Response {
        let isReady = await registry.isReady
        let word = isReady ? "ready" : "not ready"
        let status: HTTPResponse.Status = isReady ? .ok : .serviceUnavailable
        return form.response(status, json: .object(["status": .string(word)]), plain: word + "\n")
    }

    private func read(_ route: Route, _ exchange: Exchange) async throws -> Response {
        let request = exchange.request
        let signer = try await exchange.sender(registry, guards.limits).sender.signer
        let reader = Reader(signer: signer, token: exchange.bearer)
        switch route {
        case .devices(let query):
            let view = try registry.view(of: reader)
            return try await list(DeviceQuery(query, form: exchange.form), view: view, exchange)
        case .device(let id):
            let view = try registry.view(of: reader)
            let record = try registry.record(of: id, in: view)
            return exchange.form.response(.ok, json: record.json, plain: record.line)
        case .watch:
            let view = try registry.view(of: reader)
            let slot = try guards.limits.openStream(signer, from: exchange.remote)
            return streams.watch(
                in: view,
                for: reader,
                from: request.lastEventID,
                on: exchange.stream(slot, guards.limits)
            )
        case .mailbox(let id):
            let feed = try registry.mailbox(of: id, for: signer)
            let slot = try guards.limits.openStream(signer, from: exchange.remote)
            return streams.signals(
                feed,
                for: reader,
                from: request.lastEventID,
                on: exchange.stream(slot, guards.limits)
            )
        case .health, .ready, .file, .register, .registerID, .remove, .heartbeat, .signal: throw RequestFault.noSuchPath
        }
    }

    private func change(_ route: Route, _ exchange: Exchange) async throws -> Response {
        let (sender, body) = try await exchange.sender(registry, guards.limits, largestBody: route.largestBody)
        switch route {
        case .register, .registerID:
            try guards.limits.registering(sender.signer, from: exchange.remote, at: .now())
            let newcomer = try Newcomer(route, body: body, type: exchange.request.headers[.contentType])
            return try await register(newcomer, from: sender, exchange.form)
        case .remove(let id):
            try await registry.remove(id, from: sender)
            return Response(status: .noContent)
        case .heartbeat(let id):
            let sessions = try SessionReport(parsing: body.readableBytesView)
            let record = try registry.heartbeat(id, from: sender, sessions: sessions)
            return exchange.form.response(.ok, json: record.json, plain: record.line)
        case .signal(let id):
            try exchange.request.headers[.contentType].checkIsJSON()
            let isListening = try registry.signal(Self.signal(in: body), to: id, from: sender)
            return exchange.form.response(.accepted, json: .object(["listening": .bool(isListening)]), plain: "sent\n")
        case .health, .ready, .file, .devices, .device, .watch, .mailbox: throw RequestFault.noSuchPath
        }
    }

    private func register(
        _ newcomer: Newcomer,
        from sender: RegistrySender,
        _ form: AnswerForm
    ) async throws -> Response {
        let (record, isNew) = try await registry.register(
            newcomer.registration,
            from: sender,
            enrollmentKey: newcomer.enrollmentKey
        )
        if isNew { logger.debug("A device registered", metadata: ["device": "\(record.id)"]) }
        // The earlier server knew no other status.
        let status = isNew && form == .json ? HTTPResponse.Status.created : .ok
        let seen = sender.observed.map { " with IP \($0)" } ?? ""
        var response = form.response(status, json: record.json, plain: "Registered device \(record.id)\(seen)\n")
        if isNew { response.headers[.location] = "/devices/\(record.id)" }
        return response
    }

    private func list(_ query: DeviceQuery, view: DeviceView, _ exchange: Exchange) async throws -> Response {
        let form = exchange.form
        if form == .json, let tags = exchange.request.headers[.ifNoneMatch] {
            let current = registry.currentTag()
            if current.isOneOf(tags) { return ListAnswer.unchanged(tag: current).response }
        }
        var query = query
        query.filter.tag = view.tag
        switch form {
        case .json: return ListAnswer.whole(await listing(query)).response
        case .plain:
            let lines = await offLoop { [query, registry] in
                registry.page(filter: query.filter, after: query.after, limit: query.limit).records.map(\.line).joined()
            }
            return form.response(.ok, body: ByteBuffer(string: lines))
        }
    }

    /// One that is to be made first is not made on the event loop.
    private func listing(_ query: DeviceQuery) async -> DeviceListing {
        if let known = registry.knownPage(query) { return known }
        return await offLoop { [registry] in registry.encodedPage(query) }
    }

    /// The whole list for somebody who proves nothing, if that is enough and nothing is to be made for it.
    func listAtHand(for host: String, unless tags: String?, from remote: Endpoint?) -> ListAnswer? {
        guard guards.browsers.isOurs(host), let (tag, whole) = registry.listForAnybody() else { return nil }
        let answer = tags.map(tag.isOneOf) ?? false ? ListAnswer.unchanged(tag: tag) : whole.map(ListAnswer.whole)
        guard let answer, (try? guards.limits.requested(from: remote, at: .now())) != nil else { return nil }
        return answer
    }

    private static func signal(in body: ByteBuffer) throws(RequestFault) -> JSON {
        do { return try JSON(parsing: body.readableBytesView) } catch { throw .signal(error) }
    }

    private func refusal(of error: any Error, _ exchange: Exchange) -> Response {
        let problem = Problem(describing: error)
        Counter(label: "signaling_refusals", dimensions: [("cause", problem.cause)]).increment()
        logger.debug(
            "A request was refused",
            metadata: [
                "cause": "\(problem.cause)", "detail": "\(problem.detail)",
                "client": "\(exchange.remote?.description ?? "-")", "method": "\(exchange.request.method.rawValue)",
                "target": "\((exchange.request.head.path ?? "").printable)",
            ]
        )
        if problem.status == HTTPResponse.Status.internalServerError.code {
            logger.error("A request failed", metadata: ["reason": "\(error)"])
        }
        var response = exchange.form.response(problem)
        if case .method(let allowed)? = error as? RequestFault {
            response.headers[.allow] = allowed.joined(separator: ", ")
        }
        if problem.status == HTTPResponse.Status.unauthorized.code { response.headers[.wwwAuthenticate] = "Bearer" }
        if let seconds = Problem.retryAfter(error), let name = HTTPField.Name("Retry-After") {
            response.headers[name] = "\(seconds)"
        }
        // The rest of the body may still be on its way; nobody wants it.
        if (error as? RequestFault)?.leavesBody ?? false { response.headers[.connection] = "close" }
        return response
    }
}

extension Route {
    /// In bytes.
    fileprivate var largestBody: Int {
        switch self {
        case .register: RegistrationLimits.body
        case .signal: ReceivedSignal.largest
        // What the earlier agents and some tools send along is not looked at, but signed.
        case .registerID, .remove, .heartbeat: RegistrationLimits.body
        case .health, .ready, .file, .devices, .device, .watch, .mailbox: 0
        }
    }
}

extension Request {
    fileprivate var lastEventID: String? { HTTPField.Name("Last-Event-ID").flatMap { headers[$0] } }
}

extension String {
    /// Whether this tag is in an `If-None-Match` header.
    fileprivate func isOneOf(_ tags: String) -> Bool {
        tags == self || tags == "*"
            || tags.split(separator: ",").contains { $0.drop { $0 == " " }.prefix { $0 != " " } == self }
    }
}
