// SPDX-License-Identifier: Apache-2.0

import HTTPTypes
import MeshAdmin
package import MeshCore

/// The one table from what goes wrong to what is answered.
extension Problem {
    package init(describing error: any Error) {
        switch error {
        case let fault as RequestFault: self = Self.problem(fault)
        case let fault as ProxyFault: self.init(.badRequest, "bad-proxy", "\(fault)")
        case let fault as BrowserFault: self = Self.problem(fault)
        case let refusal as RegistryRefusal: self = Self.problem(refusal)
        case let fault as SignatureFault: self = Self.problem(fault)
        case let fault as LimitFault: self.init(.tooManyRequests, fault.cause.rawValue, "\(fault)")
        case let fault as SessionReportFault: self.init(.badRequest, "bad-field", "\(fault)", field: "sessions")
        case let fault as EnrollmentFault: self = Self.problem(fault)
        case let fault as ReadFault: self = Self.problem(fault)
        case let fault as SignalFault: self = Self.problem(fault)
        case let fault as StoreFault: self = Self.problem(fault)
        default: self.init(.internalServerError, "internal", "something went wrong here: the server's log may say what")
        }
    }

    /// When it is worth trying again, in seconds; nil where it never is, or nobody knows.
    static func retryAfter(_ error: any Error) -> Int64? {
        switch error {
        case let fault as LimitFault: fault.retryAfter
        case SignalFault.full, SignalFault.overloaded: 5
        case RegistryRefusal.full, SignatureFault.tooMany: 60
        case is StoreFault: 10
        default: nil
        }
    }

    private static func problem(_ fault: RequestFault) -> Problem {
        switch fault {
        case .target: Problem(.badRequest, "bad-target", "the path or the query is not encoded as it should be")
        case .noSuchPath: Problem(.notFound, "no-such-path", "there is nothing here: try /devices")
        case .method(let allowed):
            Problem(
                .methodNotAllowed,
                "method",
                "this method does nothing here: use \(allowed.joined(separator: " or "))"
            )
        case .query(let detail): Problem(.badRequest, "bad-query", detail)
        case .registration(let fault):
            Problem(
                .badRequest,
                fault.field == nil ? "bad-body" : "bad-field",
                "\(fault)",
                field: fault.field?.rawValue
            )
        case .mediaType:
            Problem(.unsupportedMediaType, "media-type", "the body must be JSON: send Content-Type: application/json")
        case .tooLong(let limit): Problem(.contentTooLarge, "too-long", "the body is longer than \(limit) bytes")
        case .signal(let fault): Problem(.badRequest, "bad-body", "the body can't be read: \(fault)")
        case .enrollmentKey:
            Problem(.badRequest, "bad-field", "enrollment_key is not valid: it must be a text", field: "enrollment_key")
        case .brokenOff: Problem(.badRequest, "broken-off", "the body did not come whole")
        }
    }

    private static func problem(_ fault: BrowserFault) -> Problem {
        switch fault {
        case .otherOrigin: Problem(.forbidden, "other-origin", "a web page of another origin may change nothing here")
        case .otherHost:
            Problem(
                .forbidden,
                "other-host",
                "this server is not known by the name in the Host header: use its address, or name it with --server-name"
            )
        }
    }

    private static func problem(_ refusal: RegistryRefusal) -> Problem {
        switch refusal {
        case .unsigned: Problem(.forbidden, "unsigned", "\(refusal)", field: "id")
        case .otherKey: Problem(.forbidden, "other-key", "\(refusal)", field: "id")
        case .unproven: Problem(.forbidden, "unproven", "\(refusal)")
        case .full: Problem(.serviceUnavailable, "registry-full", "\(refusal)")
        case .unknown: Problem(.notFound, "no-such-device", "\(refusal)")
        }
    }

    private static func problem(_ fault: EnrollmentFault) -> Problem {
        switch fault {
        case .needed: Problem(.forbidden, "enrollment-needed", "\(fault)")
        case .unknown: Problem(.forbidden, "enrollment-key-unknown", "\(fault)", field: "enrollment_key")
        case .usedUp: Problem(.forbidden, "enrollment-key-used-up", "\(fault)", field: "enrollment_key")
        case .expired: Problem(.forbidden, "enrollment-key-expired", "\(fault)", field: "enrollment_key")
        case .revoked: Problem(.forbidden, "enrollment-key-revoked", "\(fault)", field: "enrollment_key")
        }
    }

    private static func problem(_ fault: ReadFault) -> Problem {
        switch fault {
        case .anonymous: Problem(.unauthorized, "anonymous", "\(fault)")
        case .badToken: Problem(.unauthorized, "bad-token", "\(fault)")
        case .otherMailbox: Problem(.forbidden, "other-mailbox", "\(fault)")
        }
    }

    private static func problem(_ fault: SignalFault) -> Problem {
        switch fault {
        case .unsigned: Problem(.forbidden, "unsigned", "\(fault)")
        case .unproven: Problem(.conflict, "no-mailbox", "\(fault)")
        case .full: Problem(.tooManyRequests, "mailbox-full", "\(fault)")
        case .overloaded: Problem(.serviceUnavailable, "signals-too-many", "\(fault)")
        }
    }

    private static func problem(_ fault: SignatureFault) -> Problem {
        switch fault {
        case .missing, .malformed: Problem(.badRequest, "signature-malformed", "\(fault)")
        case .expired: Problem(.forbidden, "signature-expired", "\(fault)")
        case .fromTheFuture: Problem(.forbidden, "signature-from-the-future", "\(fault)")
        case .otherKey: Problem(.forbidden, "signature-of-other-key", "\(fault)")
        case .otherBody: Problem(.forbidden, "signature-of-other-body", "\(fault)")
        case .wrong: Problem(.forbidden, "signature-wrong", "\(fault)")
        case .replayed: Problem(.forbidden, "signature-replayed", "\(fault)")
        case .tooMany: Problem(.serviceUnavailable, "signatures-too-many", "\(fault)")
        }
    }

    private static func problem(_ fault: StoreFault) -> Problem {
        switch fault.kind {
        case .full:
            Problem(
                .insufficientStorage,
                "store-full",
                "there is no room to keep this: try again when the operator has made some"
            )
        case .inUse, .cannotOpen, .broken:
            Problem(.serviceUnavailable, "store-unavailable", "this can't be kept now: try again later")
        }
    }

    private init(_ status: HTTPResponse.Status, _ cause: String, _ detail: String, field: String? = nil) {
        self.init(status: status.code, title: status.reasonPhrase, cause: cause, detail: detail, field: field)
    }
}

extension HTTPResponse.Status {
    fileprivate static let insufficientStorage = HTTPResponse.Status(code: 507, reasonPhrase: "Insufficient Storage")
}
