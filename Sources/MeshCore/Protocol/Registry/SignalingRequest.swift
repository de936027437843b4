// SPDX-License-Identifier: Apache-2.0

package import Crypto
package import FoundationEssentials

/// A request of the signaling server's HTTP interface, as a value: a device makes one, signs it where it changes
/// something, and performs it with the HTTP client of its choice.
///
/// ```
/// let nonce = SignalingRequest.nonce(using: &generator)
/// let request = try SignalingRequest.register(registration)
///     .signed(by: identity.key, authority: "mesh.example.org:8080", at: .now, nonce: nonce)
/// ```
package struct SignalingRequest: Equatable, Sendable {
    package let method: String
    /// The path and the query, to be sent as they are.
    package let target: String
    /// By name, in the spelling of the specifications; `Host` is the client's business.
    package private(set) var headers: [String: String]
    package let body: String

    /// Come in, or say anew what others may know.
    ///
    /// Answered with the ``SignalingAnswer/record()``: 201 where the device was not there, 200 where it was.
    ///
    /// Where devices are enrolled, the first time needs a key that the operator made; later it does no harm.
    package static func register(_ registration: Registration, enrollmentKey: String? = nil) -> SignalingRequest {
        var members = registration.json
        members["enrollment_key"] = enrollmentKey.map(JSON.string)
        return SignalingRequest("POST", "/register", body: JSON.object(members).description)
    }

    /// Stay, for another life of the record.
    ///
    /// 404 means that the record is gone: register again.
    ///
    /// What it says of the device's sessions is shown to others; without it, what was said before stays.
    package static func heartbeat(
        _ id: RecordID,
        sessions: SessionReport = SessionReport(nil)
    ) -> SignalingRequest {
        SignalingRequest("POST", "/devices/\(id)/heartbeat", body: sessions.text)
    }

    /// Leave.
    package static func deregister(_ id: RecordID) -> SignalingRequest {
        SignalingRequest("DELETE", "/devices/\(id)")
    }

    /// Who is there, by id: the first page, or the one that ``DevicePage/next`` of another names.
    ///
    /// With the tag of an earlier answer, the answer is short where nothing but heartbeats happened since.
    package static func devices(at target: String = "/devices", unless tag: String? = nil) -> SignalingRequest {
        var request = SignalingRequest("GET", target)
        request.headers["If-None-Match"] = tag
        return request
    }

    /// What happens to the list, as server-sent events for ``WatchedDevices``, from where an earlier stream ended.
    package static func watch(after lastEventID: String? = nil) -> SignalingRequest {
        var request = SignalingRequest("GET", "/devices/watch")
        request.headers["Accept"] = "text/event-stream"
        request.headers["Last-Event-ID"] = lastEventID
        return request
    }

    /// What others send to this device, as server-sent events for ``ReceivedSignal``, from where an earlier stream ended.
    package static func signals(to id: RecordID, after lastEventID: String? = nil) -> SignalingRequest {
        var request = SignalingRequest("GET", "/devices/\(id)/signals")
        request.headers["Accept"] = "text/event-stream"
        request.headers["Last-Event-ID"] = lastEventID
        return request
    }

    /// A small message to a device, in JSON of at most ``ReceivedSignal/largest`` bytes.
    ///
    /// Kept for half a minute, and pushed at once to who listens.
    package static func signal(_ content: JSON, to id: RecordID) -> SignalingRequest {
        SignalingRequest("POST", "/devices/\(id)/signals", body: content.description)
    }

    /// One device, answered with its ``SignalingAnswer/record()``.
    package static func device(_ id: RecordID) -> SignalingRequest {
        SignalingRequest("GET", "/devices/\(id)")
    }

    /// The request with the signature of its sender's key.
    ///
    /// `authority` is what the client will send as `Host`; a nonce is used once.
    package func signed(
        by key: P256.Signing.PrivateKey,
        authority: String,
        at date: Date,
        nonce: String
    ) throws -> SignalingRequest {
        let parts = SignedParts(method: method, authority: authority, target: target, body: Data(body.utf8))
        var request = self
        request.headers.merge(try RequestSignature.headers(for: parts, key: key, at: date, nonce: nonce)) { $1 }
        return request
    }

    /// 128 random bits as 32 hexadecimal digits.
    package static func nonce(using generator: inout some RandomNumberGenerator) -> String {
        (0..<2).map { _ in
            let digits = String(UInt64.random(in: .min ... .max, using: &generator), radix: 16)
            return String(repeating: "0", count: 16 - digits.count) + digits
        }.joined()
    }

    private init(_ method: String, _ target: String, body: String = "") {
        (self.method, self.target, self.body) = (method, target, body)
        headers = ["Accept": "application/json"]
        if !body.isEmpty { headers["Content-Type"] = "application/json" }
    }
}
