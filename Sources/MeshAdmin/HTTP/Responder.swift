// SPDX-License-Identifier: Apache-2.0

import HTTPTypes
import Hummingbird
import Logging
import NIOCore
import ServiceLifecycle
import Synchronization

/// Answers the operator's requests.
final class Responder: HTTPResponder {
    typealias Context = BasicRequestContext

    private let surface: AdminSurface
    private let logger: Logger
    private let browsers = BrowserGuard(isLoopback: true, names: [])
    private let access = Mutex<AdminAccess?>(nil)

    init(surface: AdminSurface, logger: Logger) {
        (self.surface, self.logger) = (surface, logger)
    }

    func admit(_ access: AdminAccess) {
        self.access.withLock { $0 = access }
    }

    func respond(to request: Request, context: BasicRequestContext) async -> Response {
        var response = await response(to: request)
        response.headers[.xContentTypeOptions] = "nosniff"
        response.headers[.cacheControl] = "no-store"
        return request.method == .head ? response.createHeadResponse() : response
    }

    private func response(to request: Request) async -> Response {
        guard let target = RequestTarget(request.head.path ?? "") else {
            return Self.response(.problem(400, "the path or the query is not encoded as it should be"))
        }
        // The routes of the program may change something, whatever their method.
        do { try browsers.check(request.head, isChange: target.isOwn) } catch {
            return Self.response(.problem(403, "a web page of another origin has no business here"))
        }
        if target.isOwn { return await ownAnswer(to: request, target) }
        guard request.method == .get || request.method == .head else {
            return Self.response(.problem(405, "this method does nothing here: use GET"))
        }
        return Self.response(await answer(to: target.path))
    }

    private func answer(to path: [String]) async -> AdminAnswer {
        switch path {
        case ["healthz"]: .text("ok\n")
        case ["readyz"]: await surface.isReady() ? .text("ready\n") : .problem(503, "not ready")
        default: AdminAnswer(status: 200, mediaType: PrometheusMetrics.mediaType, body: .text(surface.metrics.text()))
        }
    }

    private func ownAnswer(to request: Request, _ target: RequestTarget) async -> Response {
        guard access.withLock({ $0?.admits(request.headers[.authorization]) ?? false }) else {
            return Self.response(
                .problem(401, "this needs the secret in the file `admin` of the state directory: use the command line")
            )
        }
        let fitting = surface.routes.filter { $0.fits(target.path) }
        guard let route = fitting.first(where: { $0.method == request.method.rawValue }) else {
            return Self.response(
                fitting.isEmpty
                    ? .problem(404, "there is nothing here") : .problem(405, "this method does nothing here")
            )
        }
        guard let body = try? await request.body.collect(upTo: 64 * 1_024) else {
            return Self.response(.problem(413, "the body is too long, or did not come whole"))
        }
        let asked = AdminRequest(route.method, path: target.path, query: target.query, body: String(buffer: body))
        return Self.response(await route.answer(asked))
    }

    private static func response(_ answer: AdminAnswer) -> Response {
        var response = Response(status: HTTPResponse.Status(code: answer.status), body: body(of: answer))
        if answer.status != 204 { response.headers[.contentType] = answer.mediaType }
        if answer.status == 401 { response.headers[.wwwAuthenticate] = "Bearer" }
        return response
    }

    private static func body(of answer: AdminAnswer) -> ResponseBody {
        switch answer.body {
        case .text(let text): text.isEmpty ? ResponseBody() : ResponseBody(byteBuffer: ByteBuffer(string: text))
        case .stream(let texts):
            ResponseBody { writer in
                // So that who only listens doesn't keep the program from stopping.
                for await text in texts.cancelOnGracefulShutdown() { try await writer.write(ByteBuffer(string: text)) }
                try await writer.finish(nil)
            }
        }
    }
}

extension RequestTarget {
    /// Whether it is none of those that each program has.
    fileprivate var isOwn: Bool { ![["healthz"], ["readyz"], ["metrics"]].contains(path) }
}
