// SPDX-License-Identifier: Apache-2.0

import MeshCore
import MeshProgram
import NIOSSL
import Synchronization

/// The certificate and key that the relay shows, read again when their files have changed.
///
/// They change together or not at all: where they can't be read, or don't belong together, those of before stay in force.
final class ServerCertificate: Sendable {
    /// The files, in PEM.
    struct Files: Equatable, Sendable {
        let certificate: String
        let key: String

        fileprivate var versions: [FileVersion?] { [FileVersion(path: certificate), FileVersion(path: key)] }

        /// The chain, the relay's own certificate first, and the key.
        func load() throws -> ([NIOSSLCertificate], NIOSSLPrivateKey) {
            (try NIOSSLCertificate.fromPEMFile(certificate), try NIOSSLPrivateKey(file: key, format: .pem))
        }
    }

    /// Why somebody looks at the files.
    enum Occasion: Sendable {
        case passing
        case askedTo
    }

    private struct State {
        var context: NIOSSLContext
        var chain: [NIOSSLCertificate]
        /// Of the files when they were read last, whatever came of it; nil where they may have changed since unseen.
        var versions: [FileVersion?]?
        var fault: String?
    }

    private let files: Files?
    private let report: @Sendable (Rereading) -> Void
    private let state: Mutex<State>

    /// A self-signed certificate, which stays.
    init(_ identity: Identity) throws {
        files = nil
        report = { _ in }
        let chain = [try NIOSSLCertificate(bytes: Array(identity.certificatePEM.utf8), format: .pem)]
        let key = try NIOSSLPrivateKey(bytes: Array(identity.keyPEM.utf8), format: .pem)
        state = Mutex(State(context: try Self.context(chain, key), chain: chain))
    }

    /// What `files` have; `report` is told, once, of each change and of each that was not taken.
    init(_ files: Files, report: @escaping @Sendable (Rereading) -> Void) throws {
        self.files = files
        self.report = report
        let (chain, key) = try files.load()
        state = Mutex(State(context: try Self.context(chain, key), chain: chain))
    }

    /// What new connections are to use.
    var context: NIOSSLContext { state.withLock(\.context) }
    /// Of the key in force; nil for a key that has none.
    var fingerprint: KeyFingerprint? { Self.fingerprint(of: state.withLock(\.chain)) }

    /// Reads the files where they have changed, or if asked to.
    ///
    /// Blocks on the disk.
    func reread(_ occasion: Occasion) {
        guard let files else { return }
        let versions = files.versions
        let isSettled = versions.allSatisfy { $0?.isSettled == true }
        let news = state.withLock { state -> Rereading? in
            if occasion == .passing, state.versions == versions { return nil }
            defer { state.versions = isSettled ? versions : nil }
            do {
                let (chain, key) = try files.load()
                let context = try Self.context(chain, key)
                let isNews = state.fault != nil || state.chain != chain
                (state.context, state.chain, state.fault) = (context, chain, nil)
                return isNews ? .taken(Self.fingerprint(of: chain)?.description ?? "a key of no known kind") : nil
            } catch {
                defer { state.fault = "\(error)" }
                return state.fault == "\(error)" ? nil : .kept(because: "\(error)")
            }
        }
        if let news { report(news) }
    }

    private static func context(_ chain: [NIOSSLCertificate], _ key: NIOSSLPrivateKey) throws -> NIOSSLContext {
        try NIOSSLContext(configuration: .ofRelay(chain: chain, key: key))
    }

    private static func fingerprint(of chain: [NIOSSLCertificate]) -> KeyFingerprint? {
        (try? chain.first?.extractPublicKey().toSPKIBytes()).map { KeyFingerprint(of: $0) }
    }
}
