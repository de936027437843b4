// SPDX-License-Identifier: Apache-2.0

import NIOCore

/// The bounds of what a device may say of itself.
package enum RegistrationLimits {
    /// A request's body, in bytes.
    package static let body = 64 * 1024
    /// A name, in bytes.
    package static let name = 64
    package static let addresses = 16
    /// A record's life, in seconds.
    package static let ttl = 5...86_400
    /// Pairs of metadata.
    package static let metadata = 16
    /// In bytes.
    package static let metadataKey = 64
    /// In bytes.
    package static let metadataValue = 256
}

/// Checks the members of a registration, one method each; nil for one that isn't there.
struct RegistrationFields {
    private typealias Limits = RegistrationLimits

    let members: [String: JSON]

    func id() throws(RegistrationFault) -> RecordID? {
        try checked(.id) { $0.string.flatMap(RecordID.init) }
    }

    func ip() throws(RegistrationFault) -> String? {
        try checked(.ip) { json in json.string.flatMap { $0.isIPAddress ? $0 : nil } }
    }

    func port() throws(RegistrationFault) -> UInt16? {
        try checked(.port) { $0.integer.flatMap(UInt16.init(exactly:)).flatMap { $0 == 0 ? nil : $0 } }
    }

    func name() throws(RegistrationFault) -> String? {
        try checked(.name) { json in json.string.flatMap { Self.isText($0, of: 1...Limits.name) ? $0 : nil } }
    }

    func addresses() throws(RegistrationFault) -> [Endpoint] {
        let addresses: [Endpoint]? = try checked(.addresses) { json in
            guard case .array(let elements) = json, elements.count <= Limits.addresses else { return nil }
            let endpoints = elements.compactMap { $0.string.flatMap { Endpoint($0) } }.filter { $0.port > 0 }
            return endpoints.count == elements.count ? endpoints : nil
        }
        return addresses ?? []
    }

    func ttl() throws(RegistrationFault) -> TimeAmount? {
        try checked(.ttl) { json in
            json.integer.flatMap { Limits.ttl.contains($0) ? .seconds(Int64($0)) : nil }
        }
    }

    func metadata() throws(RegistrationFault) -> [String: String] {
        let metadata: [String: String]? = try checked(.metadata) { json in
            guard case .object(let members) = json, members.count <= Limits.metadata else { return nil }
            let pairs = members.compactMapValues(\.string).filter { key, value in
                Self.isText(key, of: 1...Limits.metadataKey) && Self.isText(value, of: 0...Limits.metadataValue)
            }
            return pairs.count == members.count ? pairs : nil
        }
        return metadata ?? [:]
    }

    private func checked<Value>(
        _ field: RegistrationField,
        _ check: (JSON) -> Value?
    ) throws(RegistrationFault) -> Value? {
        guard let json = members[field.rawValue], json != .null else { return nil }
        guard let value = check(json) else { throw .invalid(field) }
        return value
    }

    private static func isText(_ text: String, of lengths: ClosedRange<Int>) -> Bool {
        lengths.contains(text.utf8.count) && text.printable == text
    }
}

extension String {
    /// Whether this is an IPv4 or IPv6 address as such, without a port, a zone or brackets.
    package var isIPAddress: Bool {
        // The C function behind the parse would take a NUL for the end.
        unicodeScalars.allSatisfy { $0 == "." || $0 == ":" || Character($0).isHexDigit }
            && (try? SocketAddress(ipAddress: self, port: 0)) != nil
    }
}
