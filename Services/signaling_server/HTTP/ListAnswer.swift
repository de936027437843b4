// SPDX-License-Identifier: Apache-2.0

import HTTPTypes
import Hummingbird

/// What is answered to who asks for a part of the list in JSON.
enum ListAnswer {
    case whole(DeviceListing)
    /// The client has what has this tag.
    case unchanged(tag: String)

    var tag: String {
        switch self {
        case .whole(let listing): listing.tag
        case .unchanged(let tag): tag
        }
    }

    /// Bytes of the body.
    var length: Int {
        switch self {
        case .whole(let listing): listing.body.readableBytes
        case .unchanged: 0
        }
    }

    var response: Response {
        switch self {
        case .whole(let listing):
            var response = AnswerForm.json.response(.ok, body: listing.body)
            response.headers[.eTag] = listing.tag
            if let last = listing.last, let link = HTTPField.Name("Link") {
                response.headers[link] = "<\(listing.query.target(after: last))>; rel=\"next\""
            }
            return response
        case .unchanged(let tag):
            var response = Response(status: .notModified)
            response.headers[.eTag] = tag
            response.headers[.vary] = AnswerForm.varies
            return response
        }
    }
}
