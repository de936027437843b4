// SPDX-License-Identifier: Apache-2.0

/// Who may come in.
package enum Enrollment: String, Sendable, CaseIterable {
    /// Anybody: under the id made of the key that signs, or under any id that belongs to nobody.
    case open
    /// Who signs, and was let in by an enrolment key.
    case keys

    /// Fails unless `sender` may act under an id.
    func admit(_ sender: RegistrySender, as id: RecordID) throws(RegistryRefusal) {
        if let signer = sender.signer {
            guard signer == id.device else { throw .otherKey(id) }
        } else if id.device != nil {
            throw .unsigned(id)
        } else if self == .keys {
            throw .unproven
        }
    }
}

/// Who sends a request.
package struct RegistrySender: Equatable, Sendable {
    /// The device that signed it; nil where nobody did.
    package let signer: DeviceID?
    /// Where the connection came from.
    package let observed: Endpoint?
    /// The tag that it was enrolled with.
    package var tag: DeviceTag?

    package init(signer: DeviceID?, observed: Endpoint?, tag: DeviceTag? = nil) {
        (self.signer, self.observed, self.tag) = (signer, observed, tag)
    }
}

/// Why the registry doesn't do what it is asked.
package enum RegistryRefusal: Error, Equatable, Sendable {
    /// The id is made of a key, and that key didn't sign.
    case unsigned(RecordID)
    /// The key that signed is not the one that the id is made of.
    case otherKey(RecordID)
    /// Only ids that are made of keys are let in.
    case unproven
    case full(maximum: Int)
    case unknown(RecordID)
}

extension RegistryRefusal: CustomStringConvertible {
    package var description: String {
        switch self {
        case .unsigned(let id): "\(id) is the id of a key: only a request that this key signed can speak for it"
        case .otherKey(let id): "\(id) is not the id of the key that signed: a key speaks only for the id made of it"
        case .unproven:
            "here a device must prove its id: sign the request with the key that the id is made of, as the program device "
                + "does, and register with an enrolment key; or let everybody in with --enrollment open"
        case .full(let maximum): "the registry is full, with \(maximum) devices: try again later"
        case .unknown(let id): "no device \(id) is here: it never was, it left, or it gave no sign of life"
        }
    }
}
