// SPDX-License-Identifier: Apache-2.0

package import NIOCore

/// The signaling server's answer to a ``SignalingRequest``, and what a client makes of it.
///
/// Everything in it was said by others and is checked here.
package struct SignalingAnswer: Sendable {
    private let status: Int
    private let header: @Sendable (String) -> String?
    private let body: [UInt8]

    /// The largest body worth reading, in bytes: a full page of the largest records.
    package static let largestBody = 16 * 1024 * 1024

    /// `header` gives the value of a header by its name in lower case.
    package init(status: Int, body: some Collection<UInt8>, header: @Sendable @escaping (String) -> String?) {
        (self.status, self.body, self.header) = (status, Array(body), header)
    }

    /// Fails unless the request was granted.
    package func check() throws(SignalingFault) {
        if (200...299).contains(status) { return }
        let wait = header("retry-after").flatMap(Self.wait)
        guard let json = try? JSON(parsing: body), let problem = Problem(json) else {
            throw .status(status, retryAfter: wait)
        }
        throw .refused(problem, retryAfter: wait)
    }

    /// Of the two forms of `Retry-After` (RFC 9110, section 10.2.3) the one in seconds; a day at most.
    private static func wait(_ text: String) -> TimeAmount? {
        guard let seconds = Int64(text), seconds >= 0 else { return nil }
        return .seconds(min(seconds, 86_400))
    }

    /// The record of one device.
    package func record() throws(SignalingFault) -> DeviceRecord {
        try check()
        guard let json = try? JSON(parsing: body), let record = DeviceRecord(json) else { throw .notUnderstood }
        return record
    }

    /// A page of a list; nil where nothing has changed since the answer whose tag was sent along.
    ///
    /// A record that is not understood is left out; one may come from a newer version.
    package func page() throws(SignalingFault) -> DevicePage? {
        if status == 304 { return nil }
        try check()
        guard case .array(let elements)? = try? JSON(parsing: body) else { throw .notUnderstood }
        return DevicePage(
            records: elements.compactMap { DeviceRecord($0) },
            tag: header("etag"),
            next: header("link").flatMap(DevicePage.next(inLink:))
        )
    }
}

/// A page of the list of devices.
package struct DevicePage: Equatable, Sendable {
    package let records: [DeviceRecord]
    /// To be sent along with the same request later.
    package let tag: String?
    /// The target of the request for the next page; nil on the last.
    package let next: String?

    /// The target in `<target>; rel="next"` (RFC 8288), if it is a path on the same server.
    static func next(inLink link: String) -> String? {
        guard link.hasPrefix("</"), !link.hasPrefix("<//"), let end = link.firstIndex(of: ">"),
            link[end...].contains("rel=\"next\"")
        else { return nil }
        return String(link[..<end].dropFirst())
    }
}

/// Why an answer is not what was asked for.
package enum SignalingFault: Error, Equatable, Sendable, CustomStringConvertible {
    /// The server says why.
    case refused(Problem, retryAfter: TimeAmount? = nil)
    /// The status is no success, and no problem document came with it.
    case status(Int, retryAfter: TimeAmount? = nil)
    /// The body is not what the request asks for: perhaps it isn't a signaling server that answers.
    case notUnderstood

    package var description: String {
        switch self {
        case .refused(let problem, _): problem.detail.isEmpty ? problem.title.printable : problem.detail.printable
        case .status(let status, _): "the server answered with status \(status)"
        case .notUnderstood: "the answer is not one of a signaling server"
        }
    }
}
