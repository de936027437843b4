// SPDX-License-Identifier: Apache-2.0

package import MeshCore

/// Who is behind the proxies that the operator trusts, by what they say in `Forwarded` (RFC 7239) or `X-Forwarded-For`.
///
/// Each proxy adds who it was asked by at the end, so only what a trusted one added is believed: from the end backwards,
/// the first that is no trusted proxy is the client. What stands before that anybody can have written; and so the whole of
/// the header that the proxy passes on but does not write. Where the two say different things nothing is believed.
package struct ProxyChain: Equatable, Sendable {
    private let trusted: [AddressRange]

    package init(trusted: [AddressRange]) {
        self.trusted = trusted
    }

    /// Where a request came from; a port of 0 stands for one that no proxy told.
    package func client(
        remote: Endpoint?,
        forwarded: String?,
        forwardedFor: String?
    ) throws(ProxyFault) -> Endpoint? {
        guard let remote, isTrusted(remote) else { return remote }
        let clients = [forwarded.map(Self.hops(forwarded:)), forwardedFor.map(Self.hops(forwardedFor:))].compactMap {
            $0.map { client(behind: remote, $0) }
        }
        if let first = clients.first, let last = clients.last, first.host != last.host { throw ProxyFault() }
        return clients.first ?? remote
    }

    private func client(behind remote: Endpoint, _ hops: [Endpoint?]) -> Endpoint {
        var client = remote
        for hop in hops.reversed() {
            // A proxy that hides its client, or writes nonsense, is as far as anybody can see.
            guard let hop else { return client }
            client = hop
            if !isTrusted(hop) { return hop }
        }
        return client
    }

    func isTrusted(_ endpoint: Endpoint) -> Bool { trusted.contains { $0.contains(endpoint.host) } }

    private static func hops(forwardedFor header: String) -> [Endpoint?] {
        header.split(separator: ",", omittingEmptySubsequences: false).map { endpoint(trimmed($0)) }
    }

    private static func hops(forwarded header: String) -> [Endpoint?] {
        header.split(separator: ",", omittingEmptySubsequences: false).map { element in
            for pair in element.split(separator: ";") {
                let sides = pair.split(separator: "=", maxSplits: 1)
                guard sides.count == 2, trimmed(sides[0]).lowercased() == "for" else { continue }
                let value = trimmed(sides[1])
                return endpoint(
                    value.hasPrefix("\"") && value.hasSuffix("\"") ? String(value.dropFirst().dropLast()) : value
                )
            }
            return nil
        }
    }

    /// `192.0.2.7`, `192.0.2.7:443`, `2001:db8::1`, `[2001:db8::1]` or `[2001:db8::1]:443`.
    private static func endpoint(_ text: String) -> Endpoint? {
        if text.isIPAddress { return Endpoint(host: text, port: 0) }
        let endpoint = text.hasPrefix("[") && text.hasSuffix("]") ? Endpoint(text + ":0") : Endpoint(text)
        return endpoint.flatMap { $0.host.isIPAddress ? $0 : nil }
    }

    private static func trimmed(_ text: some StringProtocol) -> String {
        String(text.drop { $0 == " " || $0 == "\t" }.reversed().drop { $0 == " " || $0 == "\t" }.reversed())
    }
}

/// A proxy passes on one header that somebody else wrote beside its own.
package struct ProxyFault: Error, Equatable, CustomStringConvertible {
    package init() {}

    package let description =
        "Forwarded and X-Forwarded-For name different clients: the proxy has to take away the one that it does not write"
}
