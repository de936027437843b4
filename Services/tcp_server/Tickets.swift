// SPDX-License-Identifier: Apache-2.0

import Crypto
import Foundation
import MeshCore
import Synchronization

/// Makes tickets, and knows its own again; those of an account can be revoked.
final class Tickets: Sendable {
    /// For how long a ticket lets a session in.
    let life: Int64
    private let key: SymmetricKey
    private let directory: StateDirectory?
    /// How often the tickets of an account were revoked; those that were made before the last time hold no longer.
    private let revocations: Mutex<[AccountName: Int]>

    /// Tickets of this process alone.
    init(life: Int64 = 86_400) {
        self.life = life
        (key, directory) = (SymmetricKey(size: .bits256), nil)
        revocations = Mutex([:])
    }

    /// Tickets whose key is kept in a state directory, and made there at the first start.
    init(life: Int64, keptIn directory: StateDirectory) throws(FileFault) {
        self.life = life
        self.directory = directory
        if let bytes = try directory.read(Self.keyFile).flatMap({ Data(base64Encoded: $0.filter { $0 != "\n" }) }),
            bytes.count == 32
        {
            key = SymmetricKey(data: bytes)
        } else {
            key = SymmetricKey(size: .bits256)
            try directory.write(key.withUnsafeBytes { Data($0) }.base64EncodedString() + "\n", to: Self.keyFile)
        }
        let lines = try directory.read(Self.revokedFile)?.split(separator: "\n") ?? []
        let entries = lines.compactMap { line -> (AccountName, Int)? in
            let words = line.split(separator: ":", omittingEmptySubsequences: false)
            guard words.count == 2, let account = AccountName(words[0]), let times = Int(words[1]) else { return nil }
            return (account, times)
        }
        revocations = Mutex(Dictionary(entries) { max($0, $1) })
    }

    /// A ticket for a session, of an account whose password hash has this seal.
    func issue(_ account: AccountName, session: String, seal: String) -> IssuedTicket? {
        let expires = Int64(Date.now.timeIntervalSince1970) + life
        return SessionTicket(account: account, session: session, expires: expires, seal: seal).issued(with: key)
    }

    /// What stands in the tickets of an account for its password's hash, and for how often they were revoked.
    func seal(of account: AccountName, hash: String) -> String {
        let times = revocations.withLock { $0[account] } ?? 0
        return SessionTicket.seal(of: times == 0 ? hash : "\(times)\n\(hash)", key: key)
    }

    /// Whose ticket that is, if it is one of `user` and `session` that holds; `hash` gives an account's password hash.
    func account(of text: String, user: String, session: String, hash: (AccountName) -> String?) -> AccountName? {
        guard let ticket = SessionTicket(text, key: key), ticket.session == session,
            user.isEmpty || user == ticket.account.description, let hash = hash(ticket.account),
            ticket.isValid(at: Int64(Date.now.timeIntervalSince1970), seal: seal(of: ticket.account, hash: hash))
        else { return nil }
        return ticket.account
    }

    /// From now on the tickets that an account has are worth nothing; blocks on the disk.
    func revoke(_ account: AccountName) throws(FileFault) {
        try revocations.withLock { revocations throws(FileFault) in
            revocations[account, default: 0] += 1
            let text = revocations.map { "\($0.key):\($0.value)\n" }.sorted().joined()
            try directory?.write(text, to: Self.revokedFile)
        }
    }

    private static let keyFile = "ticket.key"
    private static let revokedFile = "revoked"
}
