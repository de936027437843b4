// SPDX-License-Identifier: Apache-2.0

import Crypto
import Foundation
import HTTPTypes
import Hummingbird
import HummingbirdTesting
import Logging
import MeshCore
import NIOCore
import Testing
import signaling_server

typealias TestResponse = TestClient.Response

/// A server on a free port of loopback, and what a test says to it.
struct RunningServer {
    let port: Int
    let clock: ManualClock
    let registry: LiveRegistry

    /// Runs `body` against a server that starts from nothing.
    static func run(
        _ configuration: Configuration = Configuration(),
        store: any RegistryStore = MemoryStore(),
        maximum: Int = 1_000,
        watchedLog: EventLog.Bounds = EventLog.Bounds(events: 16_384, bytes: 8_000_000),
        pause: TimeAmount = .milliseconds(25),
        _ body: @Sendable @escaping (RunningServer) async throws -> Void
    ) async throws {
        var configuration = configuration
        configuration.port = 0
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        let clock = ManualClock()
        let registry = try await LiveRegistry(
            Registry(enrollment: configuration.enrollment, defaultTTL: configuration.ttl, maximum: maximum),
            store: store,
            watchedLog: watchedLog,
            pause: pause,
            logger: logger,
            clock: { clock.now }
        )
        let application = try makeApplication(configuration, registry: registry, logger: logger)
        try await application.test(.live) { client in
            try await body(RunningServer(port: #require(client.port), clock: clock, registry: registry))
        }
    }

    /// What the client calls the server.
    var authority: String { "localhost:\(port)" }

    /// Sends a request as `curl` would, or without an `Accept` header.
    func send(
        _ method: HTTPRequest.Method,
        _ target: String,
        headers: HTTPFields = [.accept: "*/*"],
        body: String? = nil
    ) async throws -> TestResponse {
        var headers = headers
        if body != nil, headers[.contentType] == nil { headers[.contentType] = "application/json" }
        return try await send(method, target, headers: headers, bytes: body.map { ByteBuffer(string: $0) })
    }

    /// Sends a request with any bytes as its body, over a connection of its own.
    func send(
        _ method: HTTPRequest.Method,
        _ target: String,
        headers: HTTPFields,
        bytes: ByteBuffer?
    ) async throws -> TestClient.Response {
        let request = TestClient.Request(target, method: method, authority: authority, headers: headers, body: bytes)
        return try await TestClient.withClient(host: "localhost", port: port) { try await $0.execute(request) }
    }

    /// Performs a client's request.
    func perform(_ request: SignalingRequest) async throws -> SignalingAnswer {
        var headers = HTTPFields()
        for (name, value) in request.headers {
            if let name = HTTPField.Name(name) { headers[name] = value }
        }
        let method = HTTPRequest.Method(request.method) ?? .get
        let body = request.body.isEmpty ? nil : ByteBuffer(string: request.body)
        let response = try await send(method, request.target, headers: headers, bytes: body)
        let fields = response.head.headerFields
        return SignalingAnswer(status: response.status.code, body: response.bytes) { name in
            HTTPField.Name(name).flatMap { fields[$0] }
        }
    }

    /// The request signed now, with a nonce of its own.
    func signed(_ request: SignalingRequest, by key: P256.Signing.PrivateKey) throws -> SignalingRequest {
        try request.signed(by: key, authority: authority, at: clock.now.date, nonce: UUID().uuidString)
    }
}

extension TestClient.Response {
    var bytes: ByteBufferView { (body ?? ByteBuffer()).readableBytesView }

    var text: String { String(decoding: bytes, as: UTF8.self) }

    var headers: HTTPFields { head.headerFields }

    var json: JSON? { try? JSON(parsing: bytes) }

    /// The cause in the problem document that the answer is; nil where it is none.
    var cause: String? {
        guard headers[.contentType] == Problem.mediaType, let problem = json.flatMap({ Problem($0) }),
            problem.status == status.code
        else { return nil }
        return problem.cause
    }
}
