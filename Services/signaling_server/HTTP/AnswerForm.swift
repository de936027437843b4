// SPDX-License-Identifier: Apache-2.0

import HTTPTypes
import Hummingbird
import MeshCore
import NIOCore

/// The form that an answer has.
package enum AnswerForm: Equatable, Sendable {
    /// JSON.
    case json
    /// The lines that the earlier device agent understands. It sends no `Accept` header.
    case plain

    package init(accept: String?) {
        self = accept.map { $0.hasPrefix("text/plain") } ?? true ? .plain : .json
    }

    func response(_ status: HTTPResponse.Status, json: JSON, plain: String) -> Response {
        switch self {
        case .json: response(status, body: ByteBuffer(string: json.description + "\n"))
        case .plain: response(status, body: ByteBuffer(string: plain))
        }
    }

    /// An answer with a body that is in this form.
    func response(_ status: HTTPResponse.Status, body: ByteBuffer) -> Response {
        switch self {
        case .json: Self.response(status, "application/json", body)
        case .plain: Self.response(status, "text/plain; charset=utf-8", body)
        }
    }

    func response(_ problem: Problem) -> Response {
        let status = HTTPResponse.Status(code: problem.status, reasonPhrase: problem.title)
        return switch self {
        case .json: Self.response(status, Problem.mediaType, ByteBuffer(string: problem.json.description + "\n"))
        case .plain: response(status, body: ByteBuffer(string: problem.detail + "\n"))
        }
    }

    /// The headers of a request that make another answer.
    static let varies = "Accept, Authorization, Signature-Input"

    private static func response(_ status: HTTPResponse.Status, _ type: String, _ body: ByteBuffer) -> Response {
        var response = Response(status: status, body: ResponseBody(byteBuffer: body))
        response.headers[.contentType] = type
        response.headers[.vary] = varies
        response.headers[.xContentTypeOptions] = "nosniff"
        return response
    }
}

extension DeviceRecord {
    /// The device's line in the plain form; who can't be dialled at all has none.
    var line: String {
        contacts.first.map { "Device \(id): \($0)\n" } ?? ""
    }
}
