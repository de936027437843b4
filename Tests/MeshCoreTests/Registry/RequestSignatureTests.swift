// SPDX-License-Identifier: Apache-2.0

import Crypto
import Foundation
import MeshCore
import NIOCore
import Testing

@Suite struct RequestSignatureTests {
    private let key = P256.Signing.PrivateKey()
    private let date = Date(timeIntervalSince1970: 1_700_000_000)
    private let parts = SignedParts(
        method: "POST",
        authority: "Mesh.example.org:80",
        target: "/register?a=b",
        body: Data("{}".utf8)
    )

    @Test func `a request is accepted from its signer, and the signer is known`() throws {
        let signer = try #require(try signer(headers()))
        #expect(signer.device == DeviceID(of: key.publicKey))
        #expect(signer.created == date)
        #expect(signer.nonce == "n1")
    }

    @Test func `the signature covers what RFC 9421 says, in its form`() throws {
        let headers = try headers()
        let device = DeviceID(of: key.publicKey)
        let parameters =
            #"("@method" "@authority" "@path" "@query" "content-digest" "mesh-key");created=1700000000"#
            + #";nonce="n1";keyid="\#(device)";alg="ecdsa-p256-sha256";tag="swift-mesh""#
        #expect(headers["Signature-Input"] == "mesh=\(parameters)")
        let digest = "sha-256=:RBNvo1WzZ4oRRq0W9+hknpT7T8If536DEMBg9hyq/4o=:"
        #expect(headers["Content-Digest"] == digest)
        let base = """
            "@method": POST
            "@authority": mesh.example.org
            "@path": /register
            "@query": ?a=b
            "content-digest": \(digest)
            "mesh-key": :\(key.publicKey.derRepresentation.base64EncodedString()):
            "@signature-params": \(parameters)
            """
        let text = try #require(headers["Signature"]?.dropFirst("mesh=:".count).dropLast())
        let raw = try #require(Data(base64Encoded: String(text)))
        #expect(raw.count == 64)
        let signature = try P256.Signing.ECDSASignature(rawRepresentation: raw)
        #expect(key.publicKey.isValidSignature(signature, for: Data(base.utf8)))
    }

    @Test func `a request without a signature has no signer`() throws {
        #expect(try signer([:]) == nil)
        #expect(try signer(["Content-Digest": "sha-256=:aaaa:"]) == nil)
    }

    @Test func `the clocks may differ by the window either way`() throws {
        let headers = try headers()
        for offset in [-30.0, 30] { #expect(try signer(headers, at: date + offset) != nil) }
        #expect(throws: SignatureFault.expired) { try signer(headers, at: date + 30.5) }
        #expect(throws: SignatureFault.fromTheFuture) { try signer(headers, at: date - 30.5) }
    }

    @Test func `a signature is of one request`() throws {
        let headers = try headers()
        let body = parts(body: "{} ")
        #expect(throws: SignatureFault.otherBody) { try signer(headers, of: body) }
        for other in [
            parts(method: "GET"), parts(method: "post"), parts(authority: "mesh.example.org:81"),
            parts(authority: "evil.example.org"), parts(target: "/register?a=c"), parts(target: "/register"),
            parts(target: "/devices?a=b"), parts(target: "/register?a=b?"),
        ] {
            #expect(throws: SignatureFault.wrong) { try signer(headers, of: other) }
        }
    }

    @Test func `another key can't sign for a device`() throws {
        let other = P256.Signing.PrivateKey()
        var headers = try headers()
        let own = headers["Mesh-Key"]
        headers["Mesh-Key"] = ":\(other.publicKey.derRepresentation.base64EncodedString()):"
        #expect(throws: SignatureFault.otherKey) { try signer(headers) }
        let theirs = try RequestSignature.headers(for: parts, key: other, at: date, nonce: "n1")
        headers["Mesh-Key"] = own
        headers["Signature"] = theirs["Signature"]
        #expect(throws: SignatureFault.wrong) { try signer(headers) }
    }

    @Test(arguments: ["Signature-Input", "Signature", "Content-Digest", "Mesh-Key"])
    func `a header that is missing, cut off or garbled is named`(name: String) throws {
        let whole = try headers()
        var headers = whole
        headers[name] = nil
        #expect(throws: SignatureFault.missing(header: name)) { try signer(headers) }
        let text = try #require(whole[name])
        let other = name == "Mesh-Key" ? ":AAAA:" : "other=:AAAA:"
        for value in [
            "", "x", "=", ":", "mesh=1", "mesh", "sha-256=1", String(text.dropLast()), "\(text), \(text);a=", other,
        ] {
            headers[name] = value
            #expect(throws: SignatureFault.malformed(header: name), "\(value)") { try signer(headers) }
        }
    }

    @Test(arguments: [
        ("\"@query\" ", ""), ("\"@method\" \"@authority\"", "\"@authority\" \"@method\""),
        ("\"@path\"", "\"@path\";req"),
        (" \"mesh-key\"", ""), ("\"mesh-key\"", "\"mesh-key\" \"date\""), (";nonce=\"n1\"", ""), ("\"n1\"", "\"\""),
        ("\"n1\"", "n1"), (";created=1700000000", ""), ("1700000000", "1700000000.0"),
        ("1700000000", "9999999999999999"),
        ("ecdsa-p256-sha256", "hmac-sha256"), ("swift-mesh", "other"), (";tag=", ";expires=1700000001;tag="),
        ("keyid=\"", "keyid=\"0"), ("mesh=", "sig1="),
    ])
    func `another profile than ours is refused`(part: String, replacement: String) throws {
        var headers = try headers()
        let input = try #require(headers["Signature-Input"])
        headers["Signature-Input"] = input.replacing(part, with: replacement)
        #expect(headers["Signature-Input"] != input)
        #expect(throws: SignatureFault.malformed(header: "Signature-Input")) { try signer(headers) }
    }

    @Test(arguments: [
        ("mesh=(\"@method\" ", "mesh=( \"@method\"  "), (";alg=", "; alg="),
        ("created=1700000000", "created=01700000000"),
        ("\"n1\"", "\"n\\\"1\""), ("mesh=", "other=1, mesh="), ("mesh=", "mesh=1, mesh="),
    ])
    func `another spelling of the profile is read as structured fields are`(part: String, other: String) throws {
        let whole = try headers()
        let input = try #require(whole["Signature-Input"])
        var spelled = whole
        spelled["Signature-Input"] = input.replacing(part, with: other)
        #expect(spelled["Signature-Input"] != input)
        if other.contains("n\\") {
            // Another nonce than was signed.
            #expect(throws: SignatureFault.wrong) { try signer(spelled) }
        } else {
            #expect(try signer(spelled) == signer(whole))
        }
    }

    @Test func `the parameters may come in any order, each of them once`() throws {
        let device = DeviceID(of: key.publicKey)
        let parameters = [
            ";created=1700000000", ";nonce=\"n1\"", ";keyid=\"\(device)\"", ";alg=\"ecdsa-p256-sha256\"",
            ";tag=\"swift-mesh\"",
        ]
        let whole = try headers()
        let input = try #require(whole["Signature-Input"])
        for order in [[4, 3, 2, 1, 0], [1, 0, 2, 4, 3], [2, 4, 1, 3, 0]] {
            var headers = whole
            headers["Signature-Input"] = input.replacing(
                parameters.joined(),
                with: order.map { parameters[$0] }.joined()
            )
            #expect(headers["Signature-Input"] != input)
            // It is read, but is another base than was signed.
            #expect(throws: SignatureFault.wrong) { try signer(headers) }
        }
        for parameter in parameters.prefix(2) {
            var headers = whole
            headers["Signature-Input"] = input.replacing(
                parameter,
                with: parameter + parameter.replacing("1", with: "2")
            )
            #expect(throws: SignatureFault.self, "\(parameter)") { try signer(headers) }
        }
    }

    @Test func `a key counts in the one form that its id is made of`() throws {
        let compressed =
            Data([
                0x30, 0x39, 0x30, 0x13, 0x06, 0x07, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x02, 0x01, 0x06, 0x08, 0x2A, 0x86,
                0x48,
                0xCE, 0x3D, 0x03, 0x01, 0x07, 0x03, 0x22, 0x00,
            ]) + key.publicKey.compressedRepresentation
        var offTheCurve = key.publicKey.derRepresentation
        offTheCurve[offTheCurve.count - 1] ^= 1
        var otherForm = key.publicKey.derRepresentation
        otherForm[26] = 0x06
        let der = key.publicKey.derRepresentation
        for bytes in [compressed, offTheCurve, otherForm, der + [0], der.dropLast(), der.prefix(26), Data()] {
            var headers = try headers()
            headers["Mesh-Key"] = ":\(bytes.base64EncodedString()):"
            #expect(throws: SignatureFault.malformed(header: "Mesh-Key")) { try signer(headers) }
        }
    }

    @Test func `each changed byte of each header is refused`() throws {
        let whole = try headers()
        for (name, text) in whole {
            for position in text.indices {
                var headers = whole
                let changed: Character = text[position] == "A" ? "B" : "A"
                headers[name] = text.replacingCharacters(in: position...position, with: String(changed))
                #expect(throws: SignatureFault.self) { try signer(headers) }
            }
        }
    }

    @Test func `a replayed one is refused for as long as it would count`() throws {
        var guards = ReplayGuard(started: moment().instant)
        let signer = try #require(try signer(headers()))
        try guards.received(signer, at: moment())
        for offset in stride(from: Int64(0), through: 60_000, by: 7_500) {
            #expect(throws: SignatureFault.replayed) { try guards.received(signer, at: moment(.milliseconds(offset))) }
        }
        let second = try #require(try self.signer(headers(nonce: "n2")))
        try guards.received(second, at: moment())
    }

    @Test func `a clock on the wall that jumps lets nothing come again, and shuts out nobody who signs by it`() throws {
        var guards = ReplayGuard(started: moment().instant)
        let signer = try #require(try signer(headers()))
        try guards.received(signer, at: moment())
        // Forth, with another request meanwhile, and back.
        let forth = moment(.seconds(5), wall: 3_600)
        try guards.received(try signed("n2", at: forth.date), at: forth)
        #expect(throws: SignatureFault.replayed) { try guards.received(signer, at: moment(.seconds(10))) }

        // Back, so that all times come again.
        var back = ReplayGuard(started: moment().instant)
        try back.received(signer, at: moment())
        for minute in stride(from: Int64(60), through: 3_600, by: 60) {
            let time = moment(.seconds(minute), wall: -3_600)
            try back.received(try signed("\(minute)", at: time.date), at: time)
        }
        let again = moment(.seconds(3_601), wall: -3_600)
        #expect(throws: SignatureFault.replayed) { try back.received(signer, at: again) }
    }

    @Test func `one from before the start is refused, as is one more than there is room for`() throws {
        let signer = try #require(try signer(headers()))
        var late = ReplayGuard(started: moment(.seconds(1)).instant)
        #expect(throws: SignatureFault.expired) { try late.received(signer, at: moment(.seconds(2))) }
        var sameSecond = ReplayGuard(started: moment(.milliseconds(900)).instant)
        try sameSecond.received(signer, at: moment(.seconds(2)))

        var small = ReplayGuard(started: moment().instant, maximum: 1)
        try small.received(signer, at: moment())
        let second = try #require(try self.signer(headers(nonce: "n2")))
        #expect(throws: SignatureFault.tooMany) { try small.received(second, at: moment()) }
        try small.received(second, at: moment(.seconds(120)))
    }

    /// So long after the signatures were made, with a clock on the wall that was set by so many seconds.
    private func moment(_ time: TimeAmount = .zero, wall: TimeInterval = 0) -> Moment {
        let start = Moment(instant: .uptimeNanoseconds(1_000_000_000_000), date: date)
        let moment = start + time
        return Moment(instant: moment.instant, date: moment.date + wall)
    }

    private func headers(nonce: String = "n1", at time: Date? = nil) throws -> [String: String] {
        try RequestSignature.headers(for: parts, key: key, at: time ?? date, nonce: nonce)
    }

    private func signed(_ nonce: String, at time: Date) throws -> RequestSigner {
        try #require(try signer(headers(nonce: nonce, at: time), at: time))
    }

    private func signer(
        _ headers: [String: String],
        of other: SignedParts? = nil,
        at now: Date? = nil
    ) throws -> RequestSigner? {
        try RequestSignature.signer(of: other ?? parts, header: { headers[$0] }, at: now ?? date)
    }

    private func parts(
        method: String = "POST",
        authority: String = "mesh.example.org",
        target: String = "/register?a=b",
        body: String = "{}"
    ) -> SignedParts {
        SignedParts(method: method, authority: authority, target: target, body: Data(body.utf8))
    }
}
