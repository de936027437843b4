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

    func answer(
        _ status: HTTPResponse.Status,
        json: @autoclosure () -> JSON,
        plain: @autoclosure () -> String
    ) -> Answer {
        switch self {
        case .json: answer(status, body: ByteBuffer(string: json().description + "\n"))
        case .plain: answer(status, body: ByteBuffer(string: plain()))
        }
    }

    /// An answer with a body that is in this form.
    func answer(_ status: HTTPResponse.Status, body: ByteBuffer) -> Answer {
        switch self {
        case .json: Self.answer(status, "application/json", body)
        case .plain: Self.answer(status, "text/plain; charset=utf-8", body)
        }
    }

    func answer(_ problem: Problem) -> Answer {
        let status = HTTPResponse.Status(code: problem.status, reasonPhrase: problem.title)
        return switch self {
        case .json: Self.answer(status, Problem.mediaType, ByteBuffer(string: problem.json.description + "\n"))
        case .plain: answer(status, body: ByteBuffer(string: problem.detail + "\n"))
        }
    }

    /// The headers of a request that make another answer.
    static let varies = "Accept, Authorization, Signature-Input"

    private static func answer(_ status: HTTPResponse.Status, _ type: String, _ body: ByteBuffer) -> Answer {
        let headers: HTTPFields = [.contentType: type, .vary: varies, .xContentTypeOptions: "nosniff"]
        return Answer(status: status, headers: headers, body: body)
    }
}

extension DeviceRecord {
    /// The device's line in the plain form; who can't be dialled at all has none.
    var line: String {
        contacts.first.map { "Device \(id): \($0)\n" } ?? ""
    }
}
