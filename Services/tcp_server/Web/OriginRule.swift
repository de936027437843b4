// SPDX-License-Identifier: Apache-2.0

import MeshCore
import NIOHTTP1

/// Which web pages may use a browser to talk to this relay.
///
/// A browser says with `Origin` whose page is behind a request. Who sends none is no browser, and may.
struct OriginRule: Equatable, Sendable {
    /// Origins of other sites that may: `https://chat.example.org`.
    private var allowed: Set<String>
    /// Whether only this machine reaches the relay.
    ///
    /// Then no page but one from an address or `localhost` is the relay's own: any name can be made to point at this
    /// machine by who owns it (DNS rebinding).
    private let isLoopback: Bool

    init(allowed: Set<String> = [], isLoopback: Bool) {
        self.allowed = allowed
        self.isLoopback = isLoopback
    }

    mutating func allow(_ origins: Set<String>) {
        allowed.formUnion(origins)
    }

    /// Whether the page behind a request may talk to the relay: one that comes from it, or one that was allowed by name.
    func permits(_ headers: HTTPHeaders) -> Bool {
        let origins = headers["Origin"]
        guard let origin = origins.first?.lowercased() else { return true }
        guard origins.count == 1 else { return false }
        if allowed.contains(origin) { return true }
        guard let authority = Self.authority(of: origin), let host = Self.host(of: authority) else { return false }
        let mayBeOurs = !isLoopback || host == "localhost" || host.isIPAddress
        return mayBeOurs && headers["Host"].map { $0.lowercased() } == [authority]
    }

    /// What a list with commas between them allows; nil if one of them is no origin.
    static func origins(in list: String) -> Set<String>? {
        let origins = list.split(separator: ",").map { $0.filter { $0 != " " }.lowercased() }
        return origins.allSatisfy { authority(of: $0).flatMap(host) != nil } ? Set(origins) : nil
    }

    private static func authority(of origin: String) -> String? {
        let scheme = ["http://", "https://"].first { origin.hasPrefix($0) }
        return scheme.map { String(origin.dropFirst($0.count)) }
    }

    /// The name or address in an authority; nil where it is none.
    static func host(of authority: String) -> String? {
        // A port of 0 stands for none.
        let hasPort = authority.lastIndex(of: ":").map { !authority[$0...].contains("]") } ?? false
        return Endpoint(hasPort ? authority : authority + ":0")?.host
    }
}
