// SPDX-License-Identifier: Apache-2.0

import Crypto
import Foundation
import MeshCore
import Testing

@testable import signaling_server

@Suite struct AccessTableTests {
    private let now = Date(timeIntervalSince1970: 1_700_000_000)
    private let device = DeviceID(of: P256.Signing.PrivateKey().publicKey)
    private let other = DeviceID(of: P256.Signing.PrivateKey().publicKey)

    @Test func `a key lets in one device, once`() throws {
        let secret = Secret.new(for: .enrollment)
        var table = try table(with: key(secret))
        let member = try table.admission(of: device, with: secret.text, at: now)
        #expect(table.member(device) == nil)
        #expect(table.enroll(member, with: secret.text).count == 2)
        #expect(try table.admission(of: device, with: nil, at: now + 99_999_999) == member)
        #expect(throws: EnrollmentFault.usedUp) { try table.admission(of: other, with: secret.text, at: now) }
        #expect(table.expel(device) == [.member(member)])
        #expect(throws: EnrollmentFault.usedUp) { try table.admission(of: device, with: secret.text, at: now) }
    }

    @Test func `a reusable key lets in any number until it ends`() throws {
        let secret = Secret.new(for: .enrollment)
        var table = try table(with: key(secret, isReusable: true))
        for device in [device, other] {
            _ = table.enroll(try table.admission(of: device, with: secret.text, at: now), with: secret.text)
        }
        #expect(table.allKeys.first?.uses == 2)
        let third = DeviceID(of: P256.Signing.PrivateKey().publicKey)
        #expect(throws: EnrollmentFault.expired) { try table.admission(of: third, with: secret.text, at: now + 100) }
        _ = try table.revokeKey(secret.short, at: now)
        #expect(throws: EnrollmentFault.revoked) { try table.admission(of: third, with: secret.text, at: now) }
        #expect(throws: EnrollmentFault.needed) { try table.admission(of: third, with: nil, at: now) }
        #expect(throws: EnrollmentFault.unknown) { try table.admission(of: third, with: "mesh-enroll-0", at: now) }
    }

    @Test func `an operator names a key by the first digits of its id`() throws {
        var table = try table(with: key(Secret(text: "a")), key(Secret(text: "b")))
        #expect(throws: AccessFault.unknown("zz")) { try table.revokeKey("zz", at: now) }
        #expect(throws: AccessFault.unknown("")) { try table.revokeKey("", at: now) }
        let name = Secret(text: "a").short
        #expect(try table.revokeKey(name, at: now).revoked == now)
        #expect(try table.revokeKey(name, at: now + 1).revoked == now)
    }

    @Test func `a token counts until it ends or is revoked`() throws {
        let secret = Secret.new(for: .token)
        var table = AccessTable()
        try table.add(OperatorToken(hash: secret.hash, tag: nil, created: now, expires: now + 100))
        #expect(table.token(secret.text, at: now) != nil)
        #expect(table.token(secret.text, at: now + 100) == nil)
        #expect(table.token("", at: now) == nil)
        _ = try table.revokeToken(secret.short, at: now)
        #expect(table.token(secret.text, at: now) == nil)
    }

    @Test func `what is over is told for thirty days, and then forgotten`() throws {
        let secret = Secret.new(for: .enrollment)
        var table = try table(with: key(secret))
        #expect(table.prune(at: now + 100 + 30 * 86_400) == [])
        #expect(table.prune(at: now + 101 + 30 * 86_400).count == 1)
        #expect(table.allKeys.isEmpty)
    }

    @Test func `what is kept of a grant is read again`() throws {
        let secret = Secret.new(for: .enrollment)
        let tag = try #require(DeviceTag("home"))
        var key = EnrollmentKey(hash: secret.hash, isReusable: true, tag: tag, created: now, expires: now + 1)
        (key.revoked, key.uses) = (now, 3)
        let token = OperatorToken(hash: secret.hash, tag: tag, created: now, expires: now + 1)
        let member = Member(device: device, tag: nil, enrolled: now, key: "k")
        for grant in [Grant.key(key), .token(token), .member(member)] {
            #expect(Grant(grant.json) == grant)
            #expect(!grant.json.description.contains(secret.text))
        }
        for text in ["{}", "[]", #"{"kind":"key"}"#, #"{"kind":"other"}"#] {
            #expect(Grant(try JSON(parsing: text.utf8)) == nil)
        }
    }

    private func key(_ secret: Secret, isReusable: Bool = false) -> EnrollmentKey {
        EnrollmentKey(hash: secret.hash, isReusable: isReusable, tag: nil, created: now, expires: now + 100)
    }

    private func table(with keys: EnrollmentKey...) throws -> AccessTable {
        var table = AccessTable()
        for key in keys { try table.add(key) }
        return table
    }
}

extension Secret {
    fileprivate var short: String { hash.short }
}
