// SPDX-License-Identifier: Apache-2.0

import HTTPTypes
import Hummingbird
import NIOCore

/// What is answered to a request, the streams apart.
struct Answer {
    var status: HTTPResponse.Status
    var headers = HTTPFields()
    var body = ByteBuffer()

    var response: Response {
        Response(
            status: status,
            headers: headers,
            body: body.readableBytes == 0 ? ResponseBody() : ResponseBody(byteBuffer: body)
        )
    }
}

/// What is answered to who asks for a part of the list in JSON.
enum ListAnswer {
    case whole(DeviceListing)
    /// The client has what has this tag.
    case unchanged(tag: String)

    var answer: Answer {
        switch self {
        case .whole(let listing):
            var answer = AnswerForm.json.answer(.ok, body: listing.body)
            answer.headers[.eTag] = listing.tag
            if let last = listing.last, let link = HTTPField.Name("Link") {
                answer.headers[link] = "<\(listing.query.target(after: last))>; rel=\"next\""
            }
            return answer
        case .unchanged(let tag):
            return Answer(status: .notModified, headers: [.eTag: tag, .vary: AnswerForm.varies])
        }
    }
}
