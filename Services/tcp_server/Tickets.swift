// SPDX-License-Identifier: Apache-2.0

import Crypto
import Foundation
import MeshCore
import Synchronization

/// Makes tickets, knows its own again, and those that were revoked.
final class Tickets: Sendable {
    /// For how long a ticket lets a session in.
    let life: Int64
    private let key: SymmetricKey
    private let directory: StateDirectory?
    /// The sessions whose tickets are worth nothing, and until when that matters.
    private let revoked: Mutex<[Session: Int64]>

    private struct Session: Hashable {
        let account: String
        let name: String
    }

    /// Tickets of this process alone.
    init(life: Int64 = 86_400) {
        self.life = life
        (key, directory) = (SymmetricKey(size: .bits256), nil)
        revoked = Mutex([:])
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
        let now = Int64(Date.now.timeIntervalSince1970)
        let entries = lines.compactMap { line -> (Session, Int64)? in
            let words = line.split(separator: " ", maxSplits: 2, omittingEmptySubsequences: false)
            guard words.count == 3, let until = Int64(words[0]), until > now else { return nil }
            return (Session(account: String(words[1]), name: String(words[2])), until)
        }
        revoked = Mutex(Dictionary(entries) { max($0, $1) })
    }

    /// A ticket for a session, of an account whose password hash has this seal.
    func issue(_ account: AccountName, session: String, seal: String) -> IssuedTicket? {
        let expires = Int64(Date.now.timeIntervalSince1970) + life
        return SessionTicket(account: account, session: session, expires: expires, seal: seal).issued(with: key)
    }

    /// What stands for an account's password hash in its tickets.
    func seal(of hash: String) -> String { SessionTicket.seal(of: hash, key: key) }

    /// Whose ticket that is, if it is one of `user` and `session` that holds; `hash` gives an account's password hash.
    func account(of text: String, user: String, session: String, hash: (AccountName) -> String?) -> AccountName? {
        guard let ticket = SessionTicket(text, key: key), ticket.session == session,
            user.isEmpty || user == ticket.account.description, let hash = hash(ticket.account),
            ticket.isValid(at: Int64(Date.now.timeIntervalSince1970), seal: seal(of: hash))
        else { return nil }
        let key = Session(account: ticket.account.description, name: session)
        return revoked.withLock { $0[key] } == nil ? ticket.account : nil
    }

    /// From now on the tickets of a session are worth nothing; blocks on the disk.
    func revoke(_ account: AccountName, session: String) throws(FileFault) {
        let now = Int64(Date.now.timeIntervalSince1970)
        let entry = Session(account: account.description, name: session)
        let text = revoked.withLock { revoked in
            revoked = revoked.filter { $0.value > now }
            revoked[entry] = now + life
            return revoked.map { "\($0.value) \($0.key.account) \($0.key.name)\n" }.joined()
        }
        try directory?.write(text, to: Self.revokedFile)
    }

    private static let keyFile = "ticket.key"
    private static let revokedFile = "revoked"
}
