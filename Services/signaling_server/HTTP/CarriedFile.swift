// SPDX-License-Identifier: Apache-2.0

import HTTPTypes
import Hummingbird
import NIOCore

/// A file that the program carries inside: the live page, and the description of the interface.
package enum CarriedFile: Sendable {
    case page, style, script, description

    /// What the browser may do with the page: nothing but run and show what comes from here.
    private static let policy =
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; base-uri 'none'; "
        + "form-action 'self'; frame-ancestors 'none'"

    private static let bodies: [CarriedFile: ByteBuffer] = [
        .page: ByteBuffer(bytes: PackageResources.index_html), .style: ByteBuffer(bytes: PackageResources.page_css),
        .script: ByteBuffer(bytes: PackageResources.page_js),
        .description: ByteBuffer(bytes: PackageResources.openapi_json),
    ]

    var response: Response {
        let body = Self.bodies[self] ?? ByteBuffer()
        var response = Response(status: .ok, body: ResponseBody(byteBuffer: body))
        response.headers[.contentType] = mediaType
        response.headers[.xContentTypeOptions] = "nosniff"
        response.headers[.contentSecurityPolicy] = Self.policy
        response.headers[.cacheControl] = "no-cache"
        if let name = HTTPField.Name("Referrer-Policy") { response.headers[name] = "no-referrer" }
        return response
    }

    private var mediaType: String {
        switch self {
        case .page: "text/html; charset=utf-8"
        case .style: "text/css; charset=utf-8"
        case .script: "text/javascript; charset=utf-8"
        case .description: "application/json"
        }
    }
}
