// SPDX-License-Identifier: Apache-2.0

package import FoundationEssentials

/// What a signature covers of a request, in the form that it is signed in (RFC 9421, section 2.2).
package struct SignedParts: Equatable, Sendable {
    let method: String
    /// The host and the port of the `Host` header, in lower case and without the default port.
    let authority: String
    let path: String
    /// With its question mark, which is all of it where there is none.
    let query: String
    let body: Data

    /// `target` is the path and the query as they go over the wire.
    package init(method: String, authority: String, target: String, body: Data) {
        self.method = method
        let authority = authority.lowercased()
        self.authority = authority.hasSuffix(":80") ? String(authority.dropLast(3)) : authority
        let pieces = target.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
        path = pieces.first.map(String.init) ?? "/"
        query = "?" + (pieces.count > 1 ? pieces[1] : "")
        self.body = body
    }
}
