// SPDX-License-Identifier: Apache-2.0

/// Who may come in without a proof.
///
/// A device that signs for an id made of its key may come in either way: in this version there is no list of the keys
/// that are welcome.
package enum Enrollment: String, Sendable, CaseIterable {
    /// Anybody, under any id that belongs to nobody.
    case open
    /// Nobody.
    case closed

    /// Fails unless `sender` may act under an id.
    func admit(_ sender: RegistrySender, as id: RecordID) throws(RegistryRefusal) {
        if let signer = sender.signer {
            guard signer == id.device else { throw .otherKey(id) }
        } else if id.device != nil {
            throw .unsigned(id)
        } else if self == .closed {
            throw .enrollmentClosed
        }
    }
}

/// Who sends a request.
package struct RegistrySender: Equatable, Sendable {
    /// The device that signed it; nil where nobody did.
    package let signer: DeviceID?
    /// Where the connection came from.
    package let observed: Endpoint?

    package init(signer: DeviceID?, observed: Endpoint?) {
        (self.signer, self.observed) = (signer, observed)
    }
}

/// Why the registry doesn't do what it is asked.
package enum RegistryRefusal: Error, Equatable, Sendable {
    /// The id is made of a key, and that key didn't sign.
    case unsigned(RecordID)
    /// The key that signed is not the one that the id is made of.
    case otherKey(RecordID)
    case enrollmentClosed
    case full(maximum: Int)
    case unknown(RecordID)
}

extension RegistryRefusal: CustomStringConvertible {
    package var description: String {
        switch self {
        case .unsigned(let id): "\(id) is the id of a key: only a request that this key signed can speak for it"
        case .otherKey(let id): "\(id) is not the id of the key that signed: a key speaks only for the id made of it"
        case .enrollmentClosed:
            "here a device must prove its id: sign the request with the key that the id is made of, as the program device "
                + "does; or let everybody in with --enrollment open"
        case .full(let maximum): "the registry is full, with \(maximum) devices: try again later"
        case .unknown(let id): "no device \(id) is here: it never was, it left, or it gave no sign of life"
        }
    }
}
