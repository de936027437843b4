// SPDX-License-Identifier: Apache-2.0

package import FoundationEssentials
package import MeshCore

/// A right that was given to somebody, and that is kept.
package enum Grant: Equatable, Sendable {
    case key(EnrollmentKey)
    case token(OperatorToken)
    case member(Member)

    /// The kind and the name, unique among all.
    package var id: String {
        switch self {
        case .key(let key): "key \(key.hash)"
        case .token(let token): "token \(token.hash)"
        case .member(let member): Self.memberID(member.device)
        }
    }

    static func memberID(_ device: DeviceID) -> String { "member \(device)" }

    package var json: JSON {
        switch self {
        case .key(let key): .object(key.members.merging(["kind": .string("key")]) { $1 })
        case .token(let token): .object(token.members.merging(["kind": .string("token")]) { $1 })
        case .member(let member): .object(member.members.merging(["kind": .string("member")]) { $1 })
        }
    }

    /// Nil where the JSON is none of them.
    package init?(_ json: JSON) {
        guard case .object(let members) = json else { return nil }
        switch members["kind"]?.string {
        case "key":
            guard let key = EnrollmentKey(members) else { return nil }
            self = .key(key)
        case "token":
            guard let token = OperatorToken(members) else { return nil }
            self = .token(token)
        case "member":
            guard let member = Member(members) else { return nil }
            self = .member(member)
        default: return nil
        }
    }
}

/// What lets devices that nobody knows come in: one of them, or any number until it expires.
package struct EnrollmentKey: Equatable, Sendable {
    package let hash: SecretHash
    package let isReusable: Bool
    /// What those who came in by it can see is limited to this tag.
    package let tag: DeviceTag?
    package let created: Date
    package let expires: Date
    package var revoked: Date?
    package var uses = 0

    /// Why it lets nobody in any more; nil where it does.
    package func fault(at now: Date) -> EnrollmentFault? {
        if revoked != nil { return .revoked }
        if now >= expires { return .expired }
        return isReusable || uses == 0 ? nil : .usedUp
    }
}

/// What lets an operator read over HTTP.
package struct OperatorToken: Equatable, Sendable {
    package let hash: SecretHash
    package let tag: DeviceTag?
    package let created: Date
    package let expires: Date
    package var revoked: Date?

    package func isValid(at now: Date) -> Bool { revoked == nil && now < expires }
}

/// A device that was let in, for good.
package struct Member: Equatable, Sendable {
    package let device: DeviceID
    package let tag: DeviceTag?
    package let enrolled: Date
    /// Short for the key that let it in.
    package let key: String
}

extension EnrollmentKey {
    fileprivate init?(_ members: [String: JSON]) {
        guard let hash = members["hash"]?.string.flatMap(SecretHash.init), let created = members["created"]?.date,
            let expires = members["expires"]?.date, case .bool(let isReusable)? = members["reusable"]
        else { return nil }
        (self.hash, self.created, self.expires, self.isReusable) = (hash, created, expires, isReusable)
        tag = members["tag"]?.string.flatMap { DeviceTag($0) }
        revoked = members["revoked"]?.date
        uses = members["uses"]?.integer ?? 0
    }

    fileprivate var members: [String: JSON] {
        var members: [String: JSON] = [
            "hash": .string(hash.description), "created": .date(created), "expires": .date(expires),
            "reusable": .bool(isReusable), "uses": .integer(uses),
        ]
        members["tag"] = tag.map { .string($0.description) }
        members["revoked"] = revoked.map(JSON.date)
        return members
    }
}

extension OperatorToken {
    fileprivate init?(_ members: [String: JSON]) {
        guard let hash = members["hash"]?.string.flatMap(SecretHash.init), let created = members["created"]?.date,
            let expires = members["expires"]?.date
        else { return nil }
        (self.hash, self.created, self.expires) = (hash, created, expires)
        tag = members["tag"]?.string.flatMap { DeviceTag($0) }
        revoked = members["revoked"]?.date
    }

    fileprivate var members: [String: JSON] {
        var members: [String: JSON] = [
            "hash": .string(hash.description), "created": .date(created), "expires": .date(expires),
        ]
        members["tag"] = tag.map { .string($0.description) }
        members["revoked"] = revoked.map(JSON.date)
        return members
    }
}

extension Member {
    fileprivate init?(_ members: [String: JSON]) {
        guard let device = members["device"]?.string.flatMap({ DeviceID($0) }),
            let enrolled = members["enrolled"]?.date
        else { return nil }
        (self.device, self.enrolled) = (device, enrolled)
        tag = members["tag"]?.string.flatMap { DeviceTag($0) }
        key = members["key"]?.string ?? ""
    }

    fileprivate var members: [String: JSON] {
        var members: [String: JSON] = [
            "device": .string(device.description), "enrolled": .date(enrolled), "key": .string(key),
        ]
        members["tag"] = tag.map { .string($0.description) }
        return members
    }
}
