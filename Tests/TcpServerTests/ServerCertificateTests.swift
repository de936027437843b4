// SPDX-License-Identifier: Apache-2.0

import Foundation
import MeshCore
import NIOCore
import NIOSSL
import Synchronization
import TestSupport
import Testing

@testable import tcp_server

@Suite struct ServerCertificateTests {
    @Test func `a certificate and key that were replaced are taken, and told of once`() async throws {
        try await withCertificate { stage in
            let first = stage.certificate.fingerprint
            stage.certificate.reread(.passing)
            #expect(stage.news.isEmpty)
            try stage.write(try Identity(commonName: "relay", now: .now))
            for _ in 0..<3 { stage.certificate.reread(.passing) }
            let second = try #require(stage.certificate.fingerprint)
            #expect(second != first)
            #expect(stage.news == [.taken("\(second)")])
        }
    }

    @Test func `a new certificate for the same key is taken, too`() async throws {
        try await withCertificate { stage in
            let context = ObjectIdentifier(stage.certificate.context)
            try stage.write(Identity(key: stage.identity.key, commonName: "renewed", now: .now))
            stage.certificate.reread(.passing)
            #expect(ObjectIdentifier(stage.certificate.context) != context)
            #expect(stage.news.count == 1)
        }
    }

    @Test(arguments: ["certificate", "key"])
    func `where one of the two is broken or of another pair, those of before stay in force`(half: String) async throws {
        try await withCertificate { stage in
            let before = (ObjectIdentifier(stage.certificate.context), stage.certificate.fingerprint)
            let other = try Identity(commonName: "other", now: .now)
            let (path, text) =
                half == "key" ? (stage.files.key, other.keyPEM) : (stage.files.certificate, try other.certificatePEM)
            for content in ["garbage", text, nil] {
                if let content {
                    try Data(content.utf8).write(to: URL(filePath: path))
                } else {
                    try FileManager.default.removeItem(atPath: path)
                }
                for _ in 0..<3 { stage.certificate.reread(.passing) }
                #expect(ObjectIdentifier(stage.certificate.context) == before.0)
                #expect(stage.certificate.fingerprint == before.1)
                guard case .kept = stage.news.last else {
                    Issue.record("\(stage.news)")
                    return
                }
            }
            #expect(stage.news.count <= 3)
            try stage.write(other)
            stage.certificate.reread(.passing)
            #expect(stage.certificate.fingerprint != before.1)
        }
    }

    @Test func `a certificate of the relay's own stays`() throws {
        let certificate = try ServerCertificate(Identity(commonName: "relay", now: .now))
        let before = ObjectIdentifier(certificate.context)
        certificate.reread(.askedTo)
        #expect(ObjectIdentifier(certificate.context) == before)
    }

    private struct Stage: Sendable {
        let files: ServerCertificate.Files
        let identity: Identity
        let certificate: ServerCertificate
        fileprivate let told: Told

        var news: [Rereading] { told.news.withLock { $0 } }

        func write(_ identity: Identity) throws { try files.write(identity) }
    }

    fileprivate final class Told: Sendable {
        let news = Mutex<[Rereading]>([])
    }

    private func withCertificate(_ body: (Stage) throws -> Void) async throws {
        try await withTemporaryDirectory { directory in
            let files = ServerCertificate.Files(certificate: directory + "/relay.crt", key: directory + "/relay.key")
            let identity = try Identity(commonName: "relay", now: .now)
            try files.write(identity)
            let told = Told()
            let certificate = try ServerCertificate(files) { news in told.news.withLock { $0.append(news) } }
            try body(Stage(files: files, identity: identity, certificate: certificate, told: told))
        }
    }
}

extension ServerCertificate.Files {
    fileprivate func write(_ identity: Identity) throws {
        try Data(identity.keyPEM.utf8).write(to: URL(filePath: key))
        try Data(identity.certificatePEM.utf8).write(to: URL(filePath: certificate))
    }
}
