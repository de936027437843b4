// SPDX-License-Identifier: Apache-2.0

package import HTTPTypes
import MeshCore

/// Keeps web pages from using a browser to get at a server that trusts whoever can reach it.
///
/// A page of another origin can make a browser send requests, though it can't read the answers; and a page whose name is
/// made to point at this machine (DNS rebinding) can read them too. A browser tells on the first with `Origin` and
/// `Sec-Fetch-Site`, on the second with `Host`.
package struct BrowserGuard: Sendable {
    /// The names that this server may be called by; nil where any will do, as it listens for others than this machine.
    private let names: Set<String>?

    package init(isLoopback: Bool, names: [String]) {
        self.names = isLoopback ? Set(names.map { $0.lowercased() }) : nil
    }

    /// Fails where a page of somebody else may be behind the request.
    package func check(_ request: HTTPRequest, isChange: Bool) throws(BrowserFault) {
        let host = request.authority?.lowercased()
        guard host.map(isOurs) ?? true else { throw .otherHost }
        guard isChange else { return }
        let site = request.headerFields[.secFetchSite]
        guard site == nil || site == "same-origin" || site == "none" else { throw .otherOrigin }
        guard let origin = request.headerFields[.origin]?.lowercased() else { return }
        guard let host, origin == "http://\(host)" || origin == "https://\(host)" else { throw .otherOrigin }
    }

    /// What everybody calls this machine, told without taking the text apart.
    private static let usual = ["127.0.0.1:", "localhost:", "[::1]:"]

    /// Whether this server may be called so.
    package func isOurs(_ authority: String) -> Bool {
        guard let names else { return true }
        if Self.usual.contains(where: { authority.hasPrefix($0) && authority.dropFirst($0.count).isPort }) {
            return true
        }
        // A port of 0 stands for none.
        let colon = authority.lastIndex(of: ":").map { authority[$0...].contains("]") } ?? true
        guard let endpoint = Endpoint(colon ? authority + ":0" : authority) else { return false }
        return endpoint.host == "localhost" || endpoint.host.isIPAddress || names.contains(endpoint.host)
    }
}

extension Substring {
    fileprivate var isPort: Bool { utf8.allSatisfy { (0x30...0x39).contains($0) } && UInt16(self) != nil }
}

extension HTTPField.Name {
    fileprivate static let secFetchSite = HTTPField.Name("Sec-Fetch-Site")
}

extension HTTPFields {
    fileprivate subscript(name: HTTPField.Name?) -> String? { name.flatMap { self[$0] } }
}

/// Why a browser's request is not let in.
package enum BrowserFault: Error, Equatable, Sendable {
    /// A page of another origin made a browser send it.
    case otherOrigin
    /// The name that the client called this server by is not one of its own.
    case otherHost
}
