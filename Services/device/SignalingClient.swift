// SPDX-License-Identifier: Apache-2.0

import AsyncHTTPClient
import Crypto
import Foundation
import MeshCore
import NIOCore
import NIOHTTP1
import NIOPosix

/// Performs requests to a signaling server.
///
/// Whoever makes one shuts it down.
struct SignalingClient: Sendable {
    let address: SignalingAddress
    private let key: P256.Signing.PrivateKey?
    private let http: HTTPClient
    private let patience: TimeAmount

    /// A client that signs what it changes with `key`; each request takes at most `patience`.
    init(_ address: SignalingAddress, key: P256.Signing.PrivateKey?, patience: TimeAmount) {
        (self.address, self.key, self.patience) = (address, key, patience)
        var configuration = HTTPClient.Configuration()
        configuration.timeout.connect = patience
        // The agent has its own times for trying again, and wants to know.
        configuration.connectionPool.retryConnectionEstablishment = false
        // A server that sends us elsewhere is not the one that was named.
        configuration.redirectConfiguration = .disallow
        http = HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
    }

    func shutdown() async {
        // It fails where it was shut down already.
        try? await http.shutdown()
    }

    func register(_ registration: Registration) async throws(SignalingFailure) -> DeviceRecord {
        let request = SignalingRequest.register(registration)
        return try await understood { try await perform(request, isSigned: true).record() }
    }

    func heartbeat(_ id: RecordID) async throws(SignalingFailure) {
        try await understood { try await perform(.heartbeat(id), isSigned: true).check() }
    }

    /// Takes at most `patience`.
    func deregister(_ id: RecordID, within patience: TimeAmount) async throws(SignalingFailure) {
        try await understood { try await perform(.deregister(id), isSigned: true, within: patience).check() }
    }

    /// One device; nil where the registry does not list it.
    func device(_ id: RecordID) async throws(SignalingFailure) -> DeviceRecord? {
        do {
            return try await understood { try await perform(.device(id), isSigned: false).record() }
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
                guard let page = try await perform(request, isSigned: false).page() else { return nil }
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

    private func perform(
        _ request: SignalingRequest,
        isSigned: Bool,
        within patience: TimeAmount? = nil
    ) async throws -> SignalingAnswer {
        var request = request
        if isSigned, let key {
            var generator = SystemRandomNumberGenerator()
            let nonce = SignalingRequest.nonce(using: &generator)
            request = try request.signed(by: key, authority: address.authority, at: .now, nonce: nonce)
        }
        var call = HTTPClientRequest(url: "\(address)\(request.target)")
        call.method = HTTPMethod(rawValue: request.method)
        call.headers = HTTPHeaders([("Host", address.authority)] + request.headers.sorted { $0.key < $1.key })
        if !request.body.isEmpty { call.body = .bytes(ByteBuffer(string: request.body)) }
        let answer = try await http.execute(call, timeout: patience ?? self.patience)
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
        case .fault(.refused(let problem)): problem.status == 404
        case .fault(.status(404)): true
        case .fault, .away: false
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
