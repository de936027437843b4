// SPDX-License-Identifier: Apache-2.0

package import FoundationEssentials
package import MeshCore

/// Who may do what: the enrolment keys, the devices that came in by them, and the operators' tokens.
package struct AccessTable: Equatable, Sendable {
    /// Keys and tokens that are kept at most, of each.
    package static let maximum = 10_000
    /// Those that are good for nothing are kept so long, so that who still uses one is told why it is refused.
    private static let memory: TimeInterval = 30 * 86_400

    private var keys: [SecretHash: EnrollmentKey] = [:]
    private var tokens: [SecretHash: OperatorToken] = [:]
    private var members: [DeviceID: Member] = [:]

    package init(_ grants: some Sequence<Grant> = []) {
        for grant in grants {
            switch grant {
            case .key(let key): keys[key.hash] = key
            case .token(let token): tokens[token.hash] = token
            case .member(let member): members[member.device] = member
            }
        }
    }

    package func member(_ device: DeviceID) -> Member? { members[device] }

    /// By the time they were made.
    package var allKeys: [EnrollmentKey] {
        keys.values.sorted { ($0.created, $0.hash.description) < ($1.created, $1.hash.description) }
    }

    package var allTokens: [OperatorToken] {
        tokens.values.sorted { ($0.created, $0.hash.description) < ($1.created, $1.hash.description) }
    }

    /// The member that a device is, or would become by a secret; nothing is used up yet.
    package func admission(
        of device: DeviceID,
        with secret: String?,
        at now: Date
    ) throws(EnrollmentFault) -> Member {
        if let member = members[device] { return member }
        guard let secret else { throw .needed }
        guard let key = keys[SecretHash(of: secret)] else { throw .unknown }
        if let fault = key.fault(at: now) { throw fault }
        return Member(device: device, tag: key.tag, enrolled: now, key: key.hash.short)
    }

    /// Takes in who was admitted with a secret.
    ///
    /// - Returns: What is to be kept.
    package mutating func enroll(_ member: Member, with secret: String?) -> [Grant] {
        guard members[member.device] == nil, let hash = secret.map(SecretHash.init(of:)), var key = keys[hash] else {
            return []
        }
        key.uses += 1
        keys[hash] = key
        members[member.device] = member
        return [.key(key), .member(member)]
    }

    /// A device is a member no longer.
    ///
    /// - Returns: What is to be forgotten.
    package mutating func expel(_ device: DeviceID) -> [Grant] {
        members.removeValue(forKey: device).map { [.member($0)] } ?? []
    }

    package mutating func add(_ key: EnrollmentKey) throws(AccessFault) {
        guard keys.count < Self.maximum else { throw .full(maximum: Self.maximum) }
        keys[key.hash] = key
    }

    package mutating func add(_ token: OperatorToken) throws(AccessFault) {
        guard tokens.count < Self.maximum else { throw .full(maximum: Self.maximum) }
        tokens[token.hash] = token
    }

    /// Revokes the key that an operator names by the first digits of its hash.
    package mutating func revokeKey(_ name: String, at now: Date) throws(AccessFault) -> EnrollmentKey {
        let hash = try Self.only(keys.keys, named: name)
        guard var key = keys[hash] else { throw .unknown(name) }
        key.revoked = key.revoked ?? now
        keys[hash] = key
        return key
    }

    package mutating func revokeToken(_ name: String, at now: Date) throws(AccessFault) -> OperatorToken {
        let hash = try Self.only(tokens.keys, named: name)
        guard var token = tokens[hash] else { throw .unknown(name) }
        token.revoked = token.revoked ?? now
        tokens[hash] = token
        return token
    }

    /// The token that a secret is, if it is valid.
    package func token(_ secret: String, at now: Date) -> OperatorToken? {
        tokens[SecretHash(of: secret)].flatMap { $0.isValid(at: now) ? $0 : nil }
    }

    /// Forgets keys and tokens that have long been good for nothing, and says which.
    package mutating func prune(at now: Date) -> [Grant] {
        let horizon = now - Self.memory
        let oldKeys = keys.values.filter { min($0.expires, $0.revoked ?? $0.expires) < horizon }
        let oldTokens = tokens.values.filter { min($0.expires, $0.revoked ?? $0.expires) < horizon }
        for key in oldKeys { keys[key.hash] = nil }
        for token in oldTokens { tokens[token.hash] = nil }
        return oldKeys.map(Grant.key) + oldTokens.map(Grant.token)
    }

    private static func only(
        _ hashes: some Sequence<SecretHash>,
        named name: String
    ) throws(AccessFault) -> SecretHash {
        let fitting = hashes.filter { !name.isEmpty && $0.description.hasPrefix(name.lowercased()) }
        guard let hash = fitting.first else { throw .unknown(name) }
        guard fitting.count == 1 else { throw .ambiguous(name) }
        return hash
    }
}

/// Why a device is not let in, or no longer.
package enum EnrollmentFault: String, Error, Equatable, Sendable {
    case needed, unknown, usedUp, expired, revoked
}

extension EnrollmentFault: CustomStringConvertible {
    package var description: String {
        switch self {
        case .needed:
            "this device is not enrolled here: register with an enrolment key, which the operator makes with "
                + "`signaling_server enroll create`"
        case .unknown: "there is no such enrolment key: ask the operator for a new one"
        case .usedUp: "the enrolment key was for one device, and has been used: ask the operator for a new one"
        case .expired: "the enrolment key has expired: ask the operator for a new one"
        case .revoked: "the enrolment key was revoked: ask the operator for a new one"
        }
    }
}

/// Why somebody may not read.
package enum ReadFault: Error, Equatable, Sendable, CustomStringConvertible {
    /// He proves nothing.
    case anonymous
    /// His token is none, or no longer.
    case badToken
    /// It is the mailbox of another device.
    case otherMailbox(RecordID)

    package var description: String {
        switch self {
        case .anonymous:
            "only enrolled devices and operators may read here: sign the request, or send a token that "
                + "`signaling_server token create --read` made as `Authorization: Bearer …`"
        case .badToken: "the token is not valid, or no longer: make another with `signaling_server token create --read`"
        case .otherMailbox(let id): "only \(id) itself may read what was sent to it: sign the request with its key"
        }
    }
}

/// Why an operator's order can't be carried out.
package enum AccessFault: Error, Equatable, Sendable, CustomStringConvertible {
    case unknown(String)
    case ambiguous(String)
    case full(maximum: Int)

    package var description: String {
        switch self {
        case .unknown(let name): "there is none whose id begins with \(name.printable): see the list"
        case .ambiguous(let name): "several ids begin with \(name.printable): give more of it"
        case .full(let maximum): "there are \(maximum) of them already: old ones are forgotten 30 days after their end"
        }
    }
}
