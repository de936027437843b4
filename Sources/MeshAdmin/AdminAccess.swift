// SPDX-License-Identifier: Apache-2.0

import Crypto
package import MeshCore

/// How the operator's commands reach the program that runs: where its admin listener is, and the secret that opens its
/// routes.
///
/// Kept in the state directory, so that only who may read that can give orders; made anew at each start.
package struct AdminAccess: Equatable, Sendable {
    package let endpoint: Endpoint
    let secret: String

    /// What a program that starts at `endpoint` lets in.
    package init(endpoint: Endpoint) {
        self.endpoint = endpoint
        secret = SymmetricKey(size: .bits256).withUnsafeBytes { bytes in
            bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
        }
    }

    init(endpoint: Endpoint, secret: String) {
        (self.endpoint, self.secret) = (endpoint, secret)
    }

    /// The access to whatever ran last with this state directory; nil where nothing did.
    package static func kept(in directory: StateDirectory) throws(FileFault) -> AdminAccess? {
        let words = try directory.read(file)?.split(whereSeparator: \.isWhitespace) ?? []
        guard words.count == 2, let endpoint = Endpoint(words[0]) else { return nil }
        return AdminAccess(endpoint: endpoint, secret: String(words[1]))
    }

    package func keep(in directory: StateDirectory) throws(FileFault) {
        try directory.write("\(endpoint) \(secret)\n", to: Self.file)
    }

    /// The value of the `Authorization` header that is let in.
    var authorization: String { "Bearer \(secret)" }

    /// Whether a header says so, in the same time whatever it says.
    func admits(_ header: String?) -> Bool {
        guard let header else { return false }
        return SHA256.hash(data: Array(header.utf8)) == SHA256.hash(data: Array(authorization.utf8))
    }

    private static let file = "admin"
}
