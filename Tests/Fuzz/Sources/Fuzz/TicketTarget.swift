// SPDX-License-Identifier: Apache-2.0

import Crypto
import Foundation
import MeshCore

/// A ticket that a client brings: without the key nobody can make one, or change the one of the corpus; and one that was
/// made with the key is read as it was made, whatever is in it.
func fuzzTickets(_ input: [UInt8]) {
    let text = String(decoding: input, as: UTF8.self)
    if let ticket = SessionTicket(text, key: key) { require(ticket == issued, "\(ticket) was not issued") }
    let code = Data(HMAC<SHA256>.authenticationCode(for: input, using: key))
    guard let signed = SessionTicket("\(base64URL(Data(input))).\(base64URL(code))", key: key) else { return }
    require(!signed.isValid(at: signed.expires, seal: signed.seal), "\(signed) does not expire")
    require(!signed.isValid(at: .min, seal: signed.seal + "x"), "\(signed) holds for another password")
    guard String(validating: input, as: UTF8.self) != nil else { return }
    let again = signed.issued(with: key).flatMap { SessionTicket($0.text, key: key) }
    require(again == signed, "\(signed) is read as \(String(describing: again))")
}

private let key = SymmetricKey(data: [UInt8](repeating: 7, count: 32))

/// The ticket of the corpus.
private let issued = AccountName("alice").map {
    SessionTicket(account: $0, session: "s1", expires: 2_000_000_000, seal: "seal")
}

/// As RFC 4648 has it, in section 5, without padding.
private func base64URL(_ data: Data) -> String {
    data.base64EncodedString().replacing("+", with: "-").replacing("/", with: "_").replacing("=", with: "")
}
