// SPDX-License-Identifier: Apache-2.0

import AsyncHTTPClient
import Crypto
import Foundation
import MeshCore
import NIOCore
import NIOHTTP1
import NIOPosix

/// Performs requests to a signaling server, signed with the device's key where there is one.
///
/// Whoever makes one shuts it down.
struct SignalingClient: Sendable {
    let address: SignalingAddress
    private let key: P256.Signing.PrivateKey?
    private let http: HTTPClient
    private let patience: TimeAmount

    /// Nothing came on a stream for so long, though the server says each 15 s that it is there.
    private static let silence = TimeAmount.seconds(45)

    /// A client that signs with `key`; the head of each answer comes within `patience`.
    init(
        _ address: SignalingAddress,
        key: P256.Signing.PrivateKey?,
        patience: TimeAmount,
        on group: any EventLoopGroup = MultiThreadedEventLoopGroup.singleton
    ) {
        (self.address, self.key, self.patience) = (address, key, patience)
        var configuration = HTTPClient.Configuration()
        configuration.timeout.connect = patience
        configuration.timeout.read = Self.silence
        // Well before the server closes a connection: a request that crosses that would be lost.
        configuration.connectionPool.idleTimeout = .seconds(10)
        // The agent has its own times for trying again, and wants to know.
        configuration.connectionPool.retryConnectionEstablishment = false
        // A server that sends us elsewhere is not the one that was named.
        configuration.redirectConfiguration = .disallow
        http = HTTPClient(eventLoopGroupProvider: .shared(group), configuration: configuration)
    }

    func shutdown() async {
        // It fails where it was shut down already.
        try? await http.shutdown()
    }

    func register(
        _ registration: Registration,
        enrollmentKey: String?
    ) async throws(SignalingFailure) -> DeviceRecord {
        let request = SignalingRequest.register(registration, enrollmentKey: enrollmentKey)
        return try await understood { try await perform(request).record() }
    }

    func heartbeat(_ id: RecordID, sessions: SessionReport) async throws(SignalingFailure) {
        try await understood { try await perform(.heartbeat(id, sessions: sessions)).check() }
    }

    /// Takes at most `patience`.
    func deregister(_ id: RecordID, within patience: TimeAmount) async throws(SignalingFailure) {
        try await understood { try await perform(.deregister(id), within: patience).check() }
    }

    /// One device; nil where the registry does not list it.
    func device(_ id: RecordID) async throws(SignalingFailure) -> DeviceRecord? {
        do {
            return try await understood { try await perform(.device(id)).record() }
        } catch  where error.isNotFound {
            return nil
        }
    }

    /// All devices, up to a bound, and a tag for the next time.
    ///
    /// Nil where nothing has changed since the answer with the tag `tag`.
    func devices(unless tag: String?) async throws(SignalingFailure) -> (records: [DeviceRecord], tag: String?)? {
        try await understood {
            var request = SignalingRequest.devices(unless: tag)
            var records: [DeviceRecord] = []
            var firstTag: String?
            for number in 0..<Self.pages {
                guard let page = try await perform(request).page() else { return nil }
                records += page.records
                if number == 0 { firstTag = page.tag }
                guard let next = page.next else { return (records, number == 0 ? firstTag : nil) }
                request = .devices(at: next)
            }
            return (records, nil)
        }
    }

    /// Pages of a list that are read.
    private static let pages = 64

    /// Reads a stream to its end; fails where the server doesn't open it.
    ///
    /// `received` is given the events as they come, some at a time, and first of all none, when the stream is open.
    ///
    /// - Returns: Why it broke off; nil where the server ended it.
    @concurrent func follow(
        _ request: SignalingRequest,
        _ received: @Sendable ([ServerSentEvent]) async -> Void
    ) async throws(SignalingFailure) -> SignalingFailure? {
        let answer: HTTPClientResponse = try await understood {
            let answer = try await send(request, within: patience)
            if answer.status != .ok { try await Self.whole(answer).check() }
            return answer
        }
        await received([])
        var decoder = ServerSentEventDecoder()
        do {
            for try await bytes in answer.body { await received(try decoder.received(bytes.readableBytesView)) }
            return nil
        } catch {
            return SignalingFailure(error)
        }
    }

    private func perform(
        _ request: SignalingRequest,
        within patience: TimeAmount? = nil
    ) async throws -> SignalingAnswer {
        try await Self.whole(send(request, within: patience ?? self.patience))
    }

    private func send(_ request: SignalingRequest, within patience: TimeAmount) async throws -> HTTPClientResponse {
        var request = request
        if let key {
            var generator = SystemRandomNumberGenerator()
            let nonce = SignalingRequest.nonce(using: &generator)
            request = try request.signed(by: key, authority: address.authority, at: .now, nonce: nonce)
        }
        var call = HTTPClientRequest(url: "\(address)\(request.target)")
        call.method = HTTPMethod(rawValue: request.method)
        call.headers = HTTPHeaders([("Host", address.authority)] + request.headers.sorted { $0.key < $1.key })
        if !request.body.isEmpty { call.body = .bytes(ByteBuffer(string: request.body)) }
        return try await http.execute(call, timeout: patience)
    }

    private static func whole(_ answer: HTTPClientResponse) async throws -> SignalingAnswer {
        let body = try await answer.body.collect(upTo: SignalingAnswer.largestBody)
        let headers = answer.headers
        return SignalingAnswer(status: Int(answer.status.code), body: body.readableBytesView) {
            headers.first(name: $0)
        }
    }

    private func understood<Value>(_ body: () async throws -> Value) async throws(SignalingFailure) -> Value {
        do { return try await body() } catch { throw SignalingFailure(error) }
    }
}

/// Why the signaling server was of no use.
enum SignalingFailure: Error, Equatable {
    /// It could not be asked, or did not answer in time.
    case away(String)
    /// It answered with something else.
    case fault(SignalingFault)

    init(_ error: any Error) {
        switch error {
        case let fault as SignalingFault: self = .fault(fault)
        case let error as NIOConnectionError:
            self = .away(error.connectionErrors.first.map { Self.words($0.error) } ?? "no such host")
        case let error as HTTPClientError where [.connectTimeout, .deadlineExceeded].contains(error):
            self = .away("no answer in time")
        default: self = .away(Self.words(error))
        }
    }

    var isNotFound: Bool {
        switch self {
        case .fault(.refused(let problem, _)): problem.status == 404
        case .fault(.status(404, _)): true
        case .fault, .away: false
        }
    }

    /// It has to be let in, first or again.
    var isNotEnrolled: Bool {
        if case .fault(.refused(let problem, _)) = self { problem.cause == "enrollment-needed" } else { false }
    }

    /// What the server said of when to try again.
    var retryAfter: TimeAmount? {
        switch self {
        case .fault(.refused(_, let retryAfter)), .fault(.status(_, let retryAfter)): retryAfter
        case .fault(.notUnderstood), .away: nil
        }
    }

    private static func words(_ error: any Error) -> String {
        guard let error = error as? IOError else { return "\(error)" }
        return String(cString: strerror(error.errnoCode))
    }
}

extension SignalingFailure: CustomStringConvertible {
    var description: String {
        switch self {
        case .away(let reason): reason
        case .fault(let fault): "\(fault)"
        }
    }
}
