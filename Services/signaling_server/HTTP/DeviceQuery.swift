// SPDX-License-Identifier: Apache-2.0

import MeshAdmin
package import MeshCore

/// Which part of the list of devices somebody asks for: `?name=…&metadata.role=…&limit=…&after=…`.
package struct DeviceQuery: Equatable, Sendable {
    /// Records in one answer.
    private static let largestPage = 1_000

    package var filter = DeviceFilter()
    package var after: RecordID?
    package var limit: Int

    /// What is asked for without a query, in JSON.
    package static let whole = DeviceQuery(limit: largestPage)

    private init(limit: Int) {
        self.limit = limit
    }

    /// The part that a query names; where it sets no limit, a page, or all for the plain form, which has no pages.
    package init(_ query: [String: String], form: AnswerForm) throws(RequestFault) {
        limit = form == .plain ? .max : Self.largestPage
        for (name, value) in query {
            switch name {
            case "name": filter.name = value
            case "limit":
                guard let number = Int(value), (1...Self.largestPage).contains(number) else {
                    throw .query("limit must be a whole number from 1 to \(Self.largestPage)")
                }
                limit = number
            case "after":
                guard let id = RecordID(value) else { throw .query("after must be the id of a device") }
                after = id
            case _ where name.hasPrefix(Self.metadata):
                filter.metadata[String(name.dropFirst(Self.metadata.count))] = value
            default:
                throw .query("\(name.printable) is no filter: there are name, metadata.KEY, limit and after")
            }
        }
    }

    /// The target of the request for what comes after a record.
    package func target(after last: RecordID) -> String {
        var pairs = [("limit", "\(limit)"), ("after", last.description)]
        if let name = filter.name { pairs.append(("name", name)) }
        pairs += filter.metadata.sorted { $0.key < $1.key }.map { (Self.metadata + $0, $1) }
        return "/devices?" + pairs.map { "\($0.queryEncoded)=\($1.queryEncoded)" }.joined(separator: "&")
    }

    private static let metadata = "metadata."
}
