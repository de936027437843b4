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
        let exchange = Exchange(request.head, from: context.remote, proxies: guards.proxies)
        var response: Response
        do {
            response = try await answer(exchange, request, on: context.channel)
        } catch {
            response = refusal(of: error, exchange).response
        }
        return request.method == .head ? response.createHeadResponse() : response
    }

    /// Answers a heartbeat that has come whole; nil for anything else.
    func heartbeatAtOnce(_ head: HTTPRequest, body: ByteBuffer, from remote: Endpoint?) -> Answer? {
        let exchange = Exchange(head, from: remote, proxies: guards.proxies)
        guard case .heartbeat(let id)? = try? Self.route(exchange) else { return nil }
        do {
            try admit(exchange, to: .heartbeat(id))
            return try heartbeat(id, body, exchange)
        } catch {
            return refusal(of: error, exchange)
        }
    }

    private static func route(_ exchange: Exchange) throws(RequestFault) -> Route {
        try Route(method: exchange.head.method.rawValue, target: exchange.head.path ?? "")
    }

    private func admit(_ exchange: Exchange, to route: Route) throws {
        try guards.limits.requested(from: exchange.remote, at: .now())
        if let fault = exchange.fault { throw fault }
        try guards.browsers.check(exchange.head, isChange: route.isChange)
    }

    private func answer(_ exchange: Exchange, _ request: Request, on channel: any Channel) async throws -> Response {
        let route: Route
        do { route = try Self.route(exchange) } catch {
            try guards.limits.requested(from: exchange.remote, at: .now())
            throw error
        }
        try admit(exchange, to: route)
        switch route {
        case .health: return exchange.form.answer(.ok, json: .object(["status": .string("ok")]), plain: "ok\n").response
        case .ready: return await ready(exchange.form).response
        case .file(let file): return file.response
        case .devices, .device: return try await read(route, exchange, request).response
        case .watch, .mailbox: return try await stream(route, exchange, request, on: channel)
        case .register, .registerID, .remove, .heartbeat, .signal: return try await change(route, exchange, request)
        }
    }

    private func ready(_ form: AnswerForm) async -> Answer {
        let isReady = await registry.isReady
        let word = isReady ? "ready" : "not ready"
        let status: HTTPResponse.Status = isReady ? .ok : .serviceUnavailable
        return form.answer(status, json: .object(["status": .string(word)]), plain: word + "\n")
    }

    private func reader(_ exchange: Exchange, _ request: Request) async throws -> Reader {
        let body = try await request.body(limit: 0)
        let signer = try exchange.sender(of: body, registry, guards.limits).signer
        return Reader(signer: signer, token: exchange.bearer)
    }

    private func read(_ route: Route, _ exchange: Exchange, _ request: Request) async throws -> Answer {
        let view = try registry.view(of: await reader(exchange, request))
        switch route {
        case .devices(let query): return try await list(DeviceQuery(query, form: exchange.form), view: view, exchange)
        case .device(let id):
            let record = try registry.record(of: id, in: view)
            return exchange.form.answer(.ok, json: record.json, plain: record.line)
        case .health, .ready, .file, .register, .registerID, .remove, .heartbeat, .signal, .watch, .mailbox:
            throw RequestFault.noSuchPath
        }
    }

    private func stream(
        _ route: Route,
        _ exchange: Exchange,
        _ request: Request,
        on channel: any Channel
    ) async throws -> Response {
        let reader = try await reader(exchange, request)
        let view = if case .watch = route { try registry.view(of: reader) } else { DeviceView.all }
        let feed =
            if case .mailbox(let id) = route { try registry.mailbox(of: id, for: reader.signer) } else {
                registry.presence
            }
        let slot = try guards.limits.openStream(reader.signer, from: exchange.remote)
        // Given back when the connection closes, which the stream ends with.
        channel.closeFuture.whenComplete { [limits = guards.limits] _ in limits.closeStream(slot) }
        let last = request.lastEventID
        return if case .mailbox = route {
            streams.signals(feed, for: reader, from: last, on: channel)
        } else {
            streams.watch(in: view, for: reader, from: last, on: channel)
        }
    }

    private func change(_ route: Route, _ exchange: Exchange, _ request: Request) async throws -> Response {
        let body = try await request.body(limit: route.largestBody)
        if case .heartbeat(let id) = route { return try heartbeat(id, body, exchange).response }
        let sender = try exchange.sender(of: body, registry, guards.limits)
        switch route {
        case .register, .registerID:
            try guards.limits.registering(sender.signer, from: exchange.remote, at: .now())
            let newcomer = try Newcomer(route, body: body, type: request.headers[.contentType])
            return try await register(newcomer, from: sender, exchange.form).response
        case .remove(let id):
            try await registry.remove(id, from: sender)
            return Response(status: .noContent)
        case .signal(let id):
            try request.headers[.contentType].checkIsJSON()
            let isListening = try registry.signal(Self.signal(in: body), to: id, from: sender)
            let json = JSON.object(["listening": .bool(isListening)])
            return exchange.form.answer(.accepted, json: json, plain: "sent\n").response
        case .health, .ready, .file, .devices, .device, .watch, .mailbox, .heartbeat: throw RequestFault.noSuchPath
        }
    }

    private func heartbeat(_ id: RecordID, _ body: ByteBuffer, _ exchange: Exchange) throws -> Answer {
        let sender = try exchange.sender(of: body, registry, guards.limits)
        let sessions = try SessionReport(parsing: body.readableBytesView)
        let record = try registry.heartbeat(id, from: sender, sessions: sessions)
        return exchange.form.answer(.ok, json: record.json, plain: record.line)
    }

    private func register(
        _ newcomer: Newcomer,
        from sender: RegistrySender,
        _ form: AnswerForm
    ) async throws -> Answer {
        let (record, isNew) = try await registry.register(
            newcomer.registration,
            from: sender,
            enrollmentKey: newcomer.enrollmentKey
        )
        if isNew { logger.debug("A device registered", metadata: ["device": "\(record.id)"]) }
        // The earlier server knew no other status.
        let status = isNew && form == .json ? HTTPResponse.Status.created : .ok
        let seen = sender.observed.map { " with IP \($0)" } ?? ""
        var answer = form.answer(status, json: record.json, plain: "Registered device \(record.id)\(seen)\n")
        if isNew { answer.headers[.location] = "/devices/\(record.id)" }
        return answer
    }

    private func list(_ query: DeviceQuery, view: DeviceView, _ exchange: Exchange) async throws -> Answer {
        let form = exchange.form
        if form == .json, let tags = exchange.head.headerFields[.ifNoneMatch] {
            let current = registry.currentTag()
            if current.isOneOf(tags) { return ListAnswer.unchanged(tag: current).answer }
        }
        var query = query
        query.filter.tag = view.tag
        switch form {
        case .json: return ListAnswer.whole(await listing(query)).answer
        case .plain:
            let lines = await offLoop { [query, registry] in
                registry.page(filter: query.filter, after: query.after, limit: query.limit).records.map(\.line).joined()
            }
            return form.answer(.ok, body: ByteBuffer(string: lines))
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
        let short = whole.flatMap { $0.body.readableBytes <= ShortcutHandler.longestAnswer ? $0 : nil }
        let answer = tags.map(tag.isOneOf) ?? false ? ListAnswer.unchanged(tag: tag) : short.map(ListAnswer.whole)
        guard let answer, (try? guards.limits.requested(from: remote, at: .now())) != nil else { return nil }
        return answer
    }

    private static func signal(in body: ByteBuffer) throws(RequestFault) -> JSON {
        do { return try JSON(parsing: body.readableBytesView) } catch { throw .signal(error) }
    }

    private func refusal(of error: any Error, _ exchange: Exchange) -> Answer {
        let problem = Problem(describing: error)
        Counter(label: "signaling_refusals", dimensions: [("cause", problem.cause)]).increment()
        logger.debug(
            "A request was refused",
            metadata: [
                "cause": "\(problem.cause)", "detail": "\(problem.detail)",
                "client": "\(exchange.remote?.description ?? "-")", "method": "\(exchange.head.method.rawValue)",
                "target": "\((exchange.head.path ?? "").printable)",
            ]
        )
        if problem.status == HTTPResponse.Status.internalServerError.code {
            logger.error("A request failed", metadata: ["reason": "\(error)"])
        }
        var answer = exchange.form.answer(problem)
        if case .method(let allowed)? = error as? RequestFault {
            answer.headers[.allow] = allowed.joined(separator: ", ")
        }
        if problem.status == HTTPResponse.Status.unauthorized.code { answer.headers[.wwwAuthenticate] = "Bearer" }
        if let seconds = Problem.retryAfter(error), let name = HTTPField.Name("Retry-After") {
            answer.headers[name] = "\(seconds)"
        }
        // The rest of the body may still be on its way; nobody wants it.
        if (error as? RequestFault)?.leavesBody ?? false { answer.headers[.connection] = "close" }
        return answer
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
