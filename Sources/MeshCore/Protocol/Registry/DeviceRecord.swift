// SPDX-License-Identifier: Apache-2.0

package import FoundationEssentials

/// What the registry keeps of a device, and shows to whoever asks.
///
/// Its JSON form is that of the ``Registration``, and `observed`, `tag`, `registered_at`, `last_seen`, `expires_at` (RFC 3339)
/// and `verified`.
package struct DeviceRecord: Equatable, Sendable {
    /// What the device said.
    package var registration: Registration
    /// Where its request came from, as the server saw it: its own port can't be dialled, but its address may be told.
    package var observed: Endpoint?
    /// Since when the device has been here without a break.
    package var registeredAt: Date
    package var lastSeen: Date
    /// When the record goes, by the server's clock.
    ///
    /// Only for show: what counts is the time that has passed.
    package var expiresAt: Date
    /// Whether the device proved its id with a signature.
    package var verified: Bool
    /// The tag that it was enrolled with.
    package var tag: DeviceTag?
    /// With whom it has sessions, as it says.
    package var sessions: [DeviceID: SessionPath] = [:]

    package init(
        registration: Registration,
        observed: Endpoint?,
        registeredAt: Date,
        lastSeen: Date,
        expiresAt: Date,
        verified: Bool,
        tag: DeviceTag? = nil
    ) {
        self.tag = tag
        (self.registration, self.observed, self.verified) = (registration, observed, verified)
        (self.registeredAt, self.lastSeen, self.expiresAt) = (registeredAt, lastSeen, expiresAt)
    }

    package var id: RecordID { registration.id }

    /// Where to dial the device, the best guess first: what it said, else where it was seen.
    package var contacts: [Endpoint] {
        let named = registration.port.flatMap { port in
            (registration.ip ?? observed?.host).flatMap { Endpoint(host: $0, port: port) }
        }
        let said = (named.map { [$0] } ?? []) + registration.addresses.filter { $0 != named }
        return said.isEmpty ? observed.map { $0.port > 0 ? [$0] : [] } ?? [] : said
    }
}

extension DeviceRecord {
    /// The record that a JSON object holds; nil where it holds none that is valid.
    package init?(_ json: JSON) {
        guard case .object(let members) = json, let registration = try? Registration(json),
            let registeredAt = members["registered_at"]?.date, let lastSeen = members["last_seen"]?.date,
            let expiresAt = members["expires_at"]?.date, case .bool(let verified)? = members["verified"]
        else { return nil }
        self.registration = registration
        observed = members["observed"]?.string.flatMap { Endpoint($0) }
        (self.registeredAt, self.lastSeen, self.expiresAt) = (registeredAt, lastSeen, expiresAt)
        self.verified = verified
        tag = members["tag"]?.string.flatMap { DeviceTag($0) }
        sessions = members["sessions"].flatMap { [DeviceID: SessionPath]($0) } ?? [:]
    }

    package var json: JSON {
        var members = registration.json
        members["observed"] = observed.map { .string($0.description) }
        members["registered_at"] = .date(registeredAt)
        members["last_seen"] = .date(lastSeen)
        members["expires_at"] = .date(expiresAt)
        members["verified"] = .bool(verified)
        if !sessions.isEmpty { members["sessions"] = sessions.json }
        members["tag"] = tag.map { .string($0.description) }
        return .object(members)
    }
}
