// SPDX-License-Identifier: Apache-2.0

import AsyncHTTPClient
import Logging
import MeshCore
import Metrics
import NIOCore
import NIOHTTP1
import ServiceLifecycle
import Synchronization
import TestSupport
import Testing

@testable import MeshAdmin

@Suite struct AdminServerTests {
    @Test func `health, readiness and metrics are for whoever is on the machine`() async throws {
        let isReady = Mutex(false)
        let metrics = PrometheusMetrics()
        let surface = AdminSurface(metrics: metrics, isReady: { isReady.withLock { $0 } })
        try await withServer(surface) { access in
            Counter(label: "knocks", factory: metrics).increment()
            let anybody = AdminClient(AdminAccess(endpoint: access.endpoint, secret: "none"))
            try await check(anybody, AdminRequest("GET", path: ["healthz"]), gets: 200, "ok\n")
            try await check(anybody, AdminRequest("GET", path: ["readyz"]), gets: 503, "not ready\n")
            isReady.withLock { $0 = true }
            try await check(anybody, AdminRequest("GET", path: ["readyz"]), gets: 200, "ready\n")
            try await check(anybody, AdminRequest("GET", path: ["metrics"]), gets: 200, "\nknocks_total 1\n")
            try await check(anybody, AdminRequest("POST", path: ["metrics"]), gets: 405)
        }
    }

    @Test func `the program's own routes are for who can read the state directory`() async throws {
        let routes = [
            AdminRoute("POST", "/kick/*") { .text("\($0.last) \($0.query["why"] ?? "") \($0.body)") },
            AdminRoute("GET", "/who") { _ in .json("[]") },
        ]
        try await withServer(AdminSurface(metrics: PrometheusMetrics(), routes: routes)) { access in
            let keeper = AdminClient(access)
            let kick = AdminRequest("POST", path: ["kick", "a/b"], query: ["why": "no & yes"], body: "now")
            try await check(keeper, kick, gets: 200, "a/b no & yes now")
            try await check(keeper, AdminRequest("GET", path: ["who"]), gets: 200, "[]")
            try await check(keeper, AdminRequest("GET", path: ["kick", "a"]), gets: 405)
            try await check(keeper, AdminRequest("GET", path: ["nothing"]), gets: 404)
            let tooLong = AdminRequest("POST", path: ["kick", "a"], body: String(repeating: "x", count: 100_000))
            try await check(keeper, tooLong, gets: 413)
            for secret in ["", "x", String(access.secret.dropLast())] {
                let stranger = AdminClient(AdminAccess(endpoint: access.endpoint, secret: secret))
                try await check(stranger, AdminRequest("GET", path: ["who"]), gets: 401)
            }
        }
    }

    @Test func `a stream is sent as it comes, and ends with the program`() async throws {
        let (texts, sink) = AsyncStream<String>.makeStream()
        let routes = [
            AdminRoute("GET", "/follow") { _ in AdminAnswer(status: 200, mediaType: "text/plain", body: .stream(texts))
            }
        ]
        let follower = Follower()
        let (ends, end) = AsyncStream<Int>.makeStream()
        try await withServer(AdminSurface(metrics: PrometheusMetrics(), routes: routes)) { access in
            Task {
                end.yield((try? await follower.follow(access)) ?? 0)
                end.finish()
            }
            for part in ["a", "b", "c"] { sink.yield(part) }
            #expect(await eventually { follower.seen == "abc" })
        }
        #expect(await ends.first { _ in true } == 200)
    }

    /// Who reads what a program says for as long as it runs.
    private final class Follower: Sendable {
        private let text = Mutex("")

        var seen: String { text.withLock { $0 } }

        func follow(_ access: AdminAccess) async throws -> Int {
            try await AdminClient(access).follow(AdminRequest("GET", path: ["follow"])) { part in
                text.withLock { $0 += part }
            }
        }
    }

    @Test func `a web page of another origin or name gets nothing`() async throws {
        try await withServer(AdminSurface(metrics: PrometheusMetrics())) { access in
            for (path, header) in [
                ("metrics", ("Host", "evil.example")), ("anything", ("Origin", "http://evil.example")),
                ("anything", ("Sec-Fetch-Site", "cross-site")),
            ] {
                var request = HTTPClientRequest(url: "http://\(access.endpoint)/\(path)")
                request.headers = [header.0: header.1]
                let answer = try await HTTPClient.shared.execute(request, timeout: .seconds(60))
                #expect(answer.status.code == 403)
                _ = try await answer.body.collect(upTo: 1_000)
            }
        }
    }

    @Test func `a port that is taken is given up for a free one, unless it was asked for`() async throws {
        let surface = AdminSurface(metrics: PrometheusMetrics())
        try await withServer(surface) { first in
            try await withServer(surface, port: .preferably(first.endpoint.port)) { second in
                #expect(second.endpoint.port != first.endpoint.port)
                #expect(second.secret != first.secret)
            }
            let port = AdminServer.Port.exactly(first.endpoint.port)
            let server = AdminServer(port: port, keepingAccessIn: nil, surface: surface, logger: Self.logger)
            let fault = await #expect(throws: AdminPortFault.self) { try await server.run() }
            #expect(fault?.description.contains("--admin-port") == true)
        }
    }

    @Test func `who was killed is not taken for running`() async throws {
        try await withTemporaryDirectory { path in
            let directory = try StateDirectory(path: path)
            #expect(try await !isRunning(directory))
            let gone = try #require(Endpoint("127.0.0.1:1"))
            try AdminAccess(endpoint: gone).keep(in: directory)
            #expect(try await !isRunning(directory))
            try directory.write("nonsense", to: "admin")
            #expect(try AdminAccess.kept(in: directory) == nil)
        }
    }

    /// Asks, and expects a status and a part of the text.
    private func check(
        _ client: AdminClient,
        _ request: AdminRequest,
        gets status: Int,
        _ text: String = ""
    ) async throws {
        let reply = try await client.ask(request)
        #expect(reply.status == status, "\(request)")
        #expect(text.isEmpty || reply.text.contains(text), "\(request): \(reply.text)")
    }

    private func isRunning(_ directory: StateDirectory) async throws -> Bool {
        switch try await AdminClient.ofRunningProgram(in: directory) {
        case nil: false
        case .some: true
        }
    }

    private static var logger: Logger {
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        return logger
    }

    private func withServer(
        _ surface: AdminSurface,
        port: AdminServer.Port = .exactly(0),
        _ body: (AdminAccess) async throws -> Void
    ) async throws {
        try await withTemporaryDirectory { path in
            let directory = try StateDirectory(path: path)
            let server = AdminServer(port: port, keepingAccessIn: directory, surface: surface, logger: Self.logger)
            let group = ServiceGroup(services: [server], logger: Self.logger)
            async let running: Void = group.run()
            let access = await eventually { (try? AdminAccess.kept(in: directory)) != nil }
            try #require(access)
            let isUp = try await eventually { try await isRunning(directory) }
            #expect(isUp)
            do { try await body(#require(try AdminAccess.kept(in: directory))) } catch { Issue.record(error) }
            await group.triggerGracefulShutdown()
            try await running
        }
    }
}
