// SPDX-License-Identifier: Apache-2.0

import Crypto
import NIOCore
import NIOSSL
import SwiftASN1
import X509

/// TLS between two devices: version 1.3, a self-signed certificate on both sides, and nothing trusted but the key in it.
struct PeerSecurity: Sendable {
    private let server: NIOSSLContext
    private let client: NIOSSLContext

    init(_ identity: Identity) throws {
        let der = try identity.certificate.serializeAsPEM().derBytes
        let certificate = try NIOSSLCertificate(bytes: der, format: .der)
        let key = try NIOSSLPrivateKey(bytes: Array(identity.key.derRepresentation), format: .der)
        var server = TLSConfiguration.makeServerConfiguration(
            certificateChain: [.certificate(certificate)],
            privateKey: .privateKey(key)
        )
        var client = TLSConfiguration.makeClientConfiguration()
        client.certificateChain = [.certificate(certificate)]
        client.privateKey = .privateKey(key)
        Self.restrict(&server)
        server.applicationProtocols.append(PeerLimits.webProtocol)
        Self.restrict(&client)
        self.server = try NIOSSLContext(configuration: server)
        self.client = try NIOSSLContext(configuration: client)
    }

    /// The handler for a connection; `proof` learns which id the other side's key proves.
    func handler(for direction: PeerDirection, proof: PeerProof) throws -> any ChannelHandler {
        switch direction {
        case .inbound: NIOSSLServerHandler(context: server, customVerificationCallback: proof.verify)
        case .outbound:
            try NIOSSLClientHandler(context: client, serverHostname: nil, customVerificationCallback: proof.verify)
        }
    }

    private static func restrict(_ configuration: inout TLSConfiguration) {
        configuration.minimumTLSVersion = .tlsv13
        configuration.applicationProtocols = [PeerLimits.applicationProtocol]
        // On the server's side this is what asks for a certificate and insists on one.
        configuration.certificateVerification = .noHostnameVerification
        configuration.shutdownTimeout = PeerLimits.goodbyeTime
    }
}

/// Which id the other side of one TLS connection proves.
///
/// Belongs to that connection's event loop.
final class PeerProof {
    /// To be relied on only when the handshake is complete: the certificate comes before the proof that its key is there.
    private(set) var result: Result<DeviceID, any Error>?

    init(_ result: Result<DeviceID, any Error>? = nil) {
        self.result = result
    }

    /// Accepts each certificate whose key can be a device's: there is no authority to ask.
    func verify(_ chain: [NIOSSLCertificate], _ promise: EventLoopPromise<NIOSSLVerificationResult>) {
        let result = Result {
            guard let leaf = chain.first else { throw NoCertificate() }
            return try DeviceID(provenBy: leaf.extractPublicKey().toSPKIBytes())
        }
        self.result = result
        switch result {
        case .success: promise.succeed(.certificateVerified)
        case .failure: promise.succeed(.failed)
        }
    }
}

/// The other side showed no certificate.
struct NoCertificate: Error, CustomStringConvertible {
    let description = "it shows no certificate"
}
