// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import MeshCore

/// Where a signaling server is: `http://127.0.0.1:8080`.
struct SignalingAddress: Equatable, Sendable, ExpressibleByArgument, CustomStringConvertible {
    let isSecure: Bool
    let endpoint: Endpoint

    init?(argument: String) {
        let schemes = [("http://", false, "80"), ("https://", true, "443")]
        guard let (scheme, isSecure, port) = schemes.first(where: { argument.lowercased().hasPrefix($0.0) }) else {
            return nil
        }
        let rest = argument.dropFirst(scheme.utf8.count)
        let authority = rest.hasSuffix("/") ? rest.dropLast() : rest
        guard let endpoint = Endpoint(authority) ?? Endpoint("\(authority):\(port)"), endpoint.port > 0 else {
            return nil
        }
        (self.isSecure, self.endpoint) = (isSecure, endpoint)
    }

    /// What a request says as `Host`, and signs: without the port where it is the scheme's.
    var authority: String {
        guard endpoint.port == (isSecure ? 443 : 80) else { return endpoint.description }
        return endpoint.host.contains(":") ? "[\(endpoint.host)]" : endpoint.host
    }

    var description: String { "\(isSecure ? "https" : "http")://\(authority)" }
}
