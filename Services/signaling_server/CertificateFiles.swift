// SPDX-License-Identifier: Apache-2.0

import Foundation
package import Logging
import MeshCore
import NIOCore
package import NIOSSL
import ServiceLifecycle
import Synchronization

/// The certificate and the key that the server shows, read again when the files change, so that who renews them needs no
/// restart.
package final class CertificateFiles: Service {
    private static let interval = Duration.seconds(2)

    /// What was read.
    private struct Pair: Sendable {
        let chain: [NIOSSLCertificateSource]
        let key: NIOSSLPrivateKeySource
    }

    private struct State {
        var pair: Pair
        var stamp: String
    }

    private let certificatePath: String
    private let keyPath: String
    private let logger: Logger
    private let state: Mutex<State>

    /// Fails where the files are not a certificate and its key.
    package init(certificate: String, key: String, logger: Logger) throws(CertificateFault) {
        (certificatePath, keyPath, self.logger) = (certificate, key, logger)
        let stamp = Self.stamp(certificate, key)
        state = Mutex(State(pair: try Self.read(certificate, key), stamp: stamp))
    }

    /// TLS 1.2 or later, with what the files hold at each handshake.
    package var configuration: TLSConfiguration {
        let pair = state.withLock { $0.pair }
        var configuration = TLSConfiguration.makeServerConfiguration(
            certificateChain: pair.chain,
            privateKey: pair.key
        )
        configuration.minimumTLSVersion = .tlsv12
        configuration.applicationProtocols = ["http/1.1"]
        configuration.sslContextCallback = { [self] _, promise in
            let pair = state.withLock { $0.pair }
            var change = NIOSSLContextConfigurationOverride()
            (change.certificateChain, change.privateKey) = (pair.chain, pair.key)
            promise.succeed(change)
        }
        return configuration
    }

    /// Looks at the files from time to time.
    package func run() async throws {
        try? await cancelWhenGracefulShutdown {
            while true {
                try await Task.sleep(for: Self.interval)
                self.refresh()
            }
        }
    }

    /// Takes what the files hold, if they have changed; keeps what it has where that is no pair.
    package func refresh() {
        let stamp = Self.stamp(certificatePath, keyPath)
        guard state.withLock({ $0.stamp }) != stamp else { return }
        do {
            let pair = try Self.read(certificatePath, keyPath)
            state.withLock { $0 = State(pair: pair, stamp: stamp) }
            logger.notice("The certificate was renewed", metadata: ["certificate": "\(certificatePath)"])
        } catch {
            // Perhaps one of the two files is still to be written. It is tried again, and told once for each state.
            let isNews = state.withLock { state in
                defer { state.stamp = stamp }
                return state.stamp != stamp
            }
            if isNews { logger.error("The new certificate can't be used", metadata: ["reason": "\(error)"]) }
        }
    }

    private static func read(_ certificate: String, _ key: String) throws(CertificateFault) -> Pair {
        let chain: [NIOSSLCertificate]
        do { chain = try NIOSSLCertificate.fromPEMFile(certificate) } catch { throw .certificate(certificate) }
        guard let leaf = chain.first else { throw .certificate(certificate) }
        let secret: NIOSSLPrivateKey
        do { secret = try NIOSSLPrivateKey(file: key, format: .pem) } catch { throw .key(key) }
        let pair = Pair(chain: chain.map { .certificate($0) }, key: .privateKey(secret))
        // The library compares the two only when it is to use them.
        let trial = TLSConfiguration.makeServerConfiguration(certificateChain: pair.chain, privateKey: pair.key)
        guard (try? NIOSSLContext(configuration: trial)) != nil, (try? leaf.extractPublicKey()) != nil else {
            throw .mismatch(certificate, key)
        }
        return pair
    }

    /// Tells one state of the files from another.
    private static func stamp(_ paths: String...) -> String {
        paths.map { path in
            let facts = try? FileManager.default.attributesOfItem(atPath: path)
            let modified = (facts?[.modificationDate] as? Date)?.timeIntervalSince1970 ?? 0
            return "\(modified) \(facts?[.size] ?? 0) \(facts?[.systemFileNumber] ?? 0)"
        }.joined(separator: ", ")
    }
}

/// Why a certificate can't be shown.
package enum CertificateFault: Error, Equatable, Sendable, CustomStringConvertible {
    case certificate(String)
    case key(String)
    case mismatch(String, String)

    package var description: String {
        switch self {
        case .certificate(let path):
            "can't read a certificate from \(path): give a PEM file that begins with it with --tls-certificate"
        case .key(let path): "can't read a private key from \(path): give a PEM file without a password with --tls-key"
        case .mismatch(let certificate, let key):
            "the key in \(key) is not the one of the certificate in \(certificate): give two that belong together"
        }
    }
}
