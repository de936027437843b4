// SPDX-License-Identifier: Apache-2.0

import Crypto
import FoundationEssentials

extension Identity {
    /// The identity kept in `directory` (`identity.key` and `identity.crt`, PEM), made on the first call.
    ///
    /// The key is written before the certificate and is what counts: a lost certificate is made anew from it.
    package static func kept(in directory: StateDirectory, commonName: String) throws -> Identity {
        guard let keyPEM = try directory.read(keyFile) else {
            let identity = try Identity(commonName: commonName, now: .now)
            try directory.write(identity.keyPEM, to: keyFile)
            try directory.write(identity.certificatePEM, to: certificateFile)
            return identity
        }
        if let certificatePEM = try directory.read(certificateFile) {
            do {
                return try Identity(keyPEM: keyPEM, certificatePEM: certificatePEM)
            } catch {
                throw BrokenIdentity(directory: directory.path, reason: "\(error)")
            }
        }
        guard let key = try? P256.Signing.PrivateKey(pemRepresentation: keyPEM) else {
            throw BrokenIdentity(directory: directory.path, reason: "\(keyFile) holds no P-256 key in PEM")
        }
        let identity = try Identity(key: key, commonName: commonName, now: .now)
        try directory.write(identity.certificatePEM, to: certificateFile)
        return identity
    }

    /// The identity kept in `directory`; nil where none was made yet.
    package static func ifKept(in directory: StateDirectory, commonName: String) throws -> Identity? {
        try directory.read(keyFile) == nil ? nil : kept(in: directory, commonName: commonName)
    }

    private static let keyFile = "identity.key"
    private static let certificateFile = "identity.crt"
}

/// What an identity was kept in no longer holds one.
package struct BrokenIdentity: Error, CustomStringConvertible {
    let directory: String
    let reason: String

    package var description: String {
        "the identity in \(directory) is broken (\(reason)): restore identity.key and identity.crt from a backup, or "
            + "delete both to become a new identity"
    }
}
