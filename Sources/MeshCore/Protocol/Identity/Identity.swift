// SPDX-License-Identifier: Apache-2.0

package import Crypto
package import FoundationEssentials
import SwiftASN1
package import X509

/// A program's key and the self-signed certificate that presents it.
package struct Identity: Sendable {
    package let key: P256.Signing.PrivateKey
    package let certificate: Certificate

    package var id: DeviceID { DeviceID(of: key.publicKey) }

    /// A new identity, valid from a day before `now` (clocks differ) for a hundred years: what is trusted is the key.
    package init(commonName: String, now: Date) throws {
        try self.init(key: P256.Signing.PrivateKey(), commonName: commonName, now: now)
    }

    /// A new certificate for a key that is there already.
    package init(key: P256.Signing.PrivateKey, commonName: String, now: Date) throws {
        let name = try DistinguishedName { CommonName(commonName) }
        self.key = key
        certificate = try Certificate(
            version: .v3,
            serialNumber: Certificate.SerialNumber(),
            publicKey: Certificate.PublicKey(key.publicKey),
            notValidBefore: now - 86_400,
            notValidAfter: now + 100 * 365.25 * 86_400,
            issuer: name,
            subject: name,
            signatureAlgorithm: .ecdsaWithSHA256,
            extensions: Certificate.Extensions {
                Critical(BasicConstraints.isCertificateAuthority(maxPathLength: 0))
                Critical(KeyUsage(digitalSignature: true, keyCertSign: true))
                SubjectAlternativeNames([.dnsName(commonName)])
            },
            issuerPrivateKey: Certificate.PrivateKey(key)
        )
    }

    /// The identity that two PEM documents hold.
    ///
    /// Fails where the certificate is not that key's.
    package init(keyPEM: String, certificatePEM: String) throws {
        key = try P256.Signing.PrivateKey(pemRepresentation: keyPEM)
        certificate = try Certificate(pemEncoded: certificatePEM)
        guard certificate.publicKey == Certificate.PublicKey(key.publicKey) else { throw IdentityFault.otherKey }
    }

    package var keyPEM: String { key.pemRepresentation }

    package var certificatePEM: String {
        get throws { try certificate.serializeAsPEM().pemString }
    }
}

/// What can be wrong with an identity.
package enum IdentityFault: Error, Equatable, CustomStringConvertible {
    /// The certificate belongs to another key.
    case otherKey
    /// A certificate's key is not on the curve P-256, so that no device id can be made of it.
    case notP256

    package var description: String {
        switch self {
        case .otherKey: "the certificate was made for another key"
        case .notP256: "the certificate's key is not a P-256 key"
        }
    }
}

extension DeviceID {
    /// The id that a certificate's public key proves, its SubjectPublicKeyInfo in DER given.
    package init(provenBy subjectPublicKeyInfo: some Sequence<UInt8>) throws(IdentityFault) {
        guard let key = try? P256.Signing.PublicKey(derRepresentation: Array(subjectPublicKeyInfo)) else {
            throw .notP256
        }
        self.init(of: key)
    }
}
