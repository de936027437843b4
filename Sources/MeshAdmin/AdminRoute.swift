// SPDX-License-Identifier: Apache-2.0

/// Something that the operator of a program may ask of it while it runs.
///
/// ```
/// AdminRoute("GET", "/who") { _ in .text("alice\nbob\n") }
/// AdminRoute("POST", "/kick/*") { request in await relay.kick(request.last) ? .done : .problem(404, "no such user") }
/// ```
package struct AdminRoute: Sendable {
    let method: String
    let path: String
    let answer: @Sendable (AdminRequest) async -> AdminAnswer

    /// A piece `*` of the path stands for any one piece.
    package init(
        _ method: String,
        _ path: String,
        answer: @Sendable @escaping (AdminRequest) async -> AdminAnswer
    ) {
        (self.method, self.path, self.answer) = (method, path, answer)
    }

    func fits(_ pieces: [String]) -> Bool {
        let own = path.split(separator: "/").map(String.init)
        return own.count == pieces.count && zip(own, pieces).allSatisfy { $0 == "*" || $0 == $1 }
    }
}

/// What the operator asks, decoded.
package struct AdminRequest: Equatable, Sendable {
    package let method: String
    /// The pieces of the path.
    package let path: [String]
    /// By name; of several with one name the first counts.
    package let query: [String: String]
    package let body: String

    package init(_ method: String, path: [String], query: [String: String] = [:], body: String = "") {
        (self.method, self.path, self.query, self.body) = (method, path, query, body)
    }

    /// The last piece of the path.
    package var last: String { path.last ?? "" }
}

/// What the operator is told.
package struct AdminAnswer: Sendable {
    package enum Body: Sendable {
        case text(String)
        /// Sent as it comes, until it ends or nobody reads it.
        case stream(AsyncStream<String>)
    }

    package let status: Int
    package let mediaType: String
    package let body: Body

    package init(status: Int, mediaType: String, body: Body) {
        (self.status, self.mediaType, self.body) = (status, mediaType, body)
    }

    /// Done; there is nothing to say.
    package static let done = AdminAnswer(status: 204, mediaType: plain, body: .text(""))

    package static func text(_ text: String, status: Int = 200) -> AdminAnswer {
        AdminAnswer(status: status, mediaType: plain, body: .text(text))
    }

    package static func json(_ text: String, status: Int = 200) -> AdminAnswer {
        AdminAnswer(status: status, mediaType: "application/json", body: .text(text))
    }

    /// Refused, with a sentence that says why and what to do.
    package static func problem(_ status: Int, _ detail: String) -> AdminAnswer {
        text(detail + "\n", status: status)
    }

    private static let plain = "text/plain; charset=utf-8"
}
