// SPDX-License-Identifier: Apache-2.0

/// A problem document (RFC 9457): why a request was refused, for a program and for a person.
///
/// ```
/// {"cause": "invalid-field", "detail": "port is not valid: it must be …", "field": "port", "status": 400,
///  "title": "Bad Request", "type": "about:blank"}
/// ```
package struct Problem: Error, Equatable, Sendable {
    /// The media type of the document.
    package static let mediaType = "application/problem+json"

    package let status: Int
    /// The status in words.
    package let title: String
    /// One word for the reason, which stays the same from version to version.
    package let cause: String
    /// What is wrong and what to do, for a person.
    package let detail: String
    /// The member of the body that is at fault.
    package let field: String?

    package init(status: Int, title: String, cause: String, detail: String, field: String? = nil) {
        (self.status, self.title, self.cause, self.detail, self.field) = (status, title, cause, detail, field)
    }

    /// The problem that a JSON object tells; nil where it has no status.
    ///
    /// What else is missing stays empty.
    package init?(_ json: JSON) {
        guard case .object(let members) = json, let status = members["status"]?.integer else { return nil }
        self.init(
            status: status,
            title: members["title"]?.string ?? "",
            cause: members["cause"]?.string ?? "",
            detail: members["detail"]?.string ?? "",
            field: members["field"]?.string
        )
    }

    package var json: JSON {
        var members: [String: JSON] = [
            "type": .string("about:blank"), "status": .integer(status), "title": .string(title),
            "cause": .string(cause),
            "detail": .string(detail),
        ]
        members["field"] = field.map(JSON.string)
        return .object(members)
    }
}
