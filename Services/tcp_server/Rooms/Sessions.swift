// SPDX-License-Identifier: Apache-2.0

import MeshCore

/// Which sessions are there, on the event loop of their connections.
final class Sessions {
    private let clientsPerAccount: Int
    private var sessions: [AccountName: [String: RelayConnection]] = [:]

    init(clientsPerAccount: Int) {
        self.clientsPerAccount = clientsPerAccount
    }

    var count: Int { sessions.values.reduce(0) { $0 + $1.count } }

    /// Lets a connection in as a session; false where the account has as many as it may.
    ///
    /// A connection that the session had before is ended. In the lines dialect an account has one session, as it had in
    /// the earlier relay.
    func enter(_ connection: RelayConnection, as account: AccountName, session: String) -> Bool {
        let others = sessions[account] ?? [:]
        if let other = others[session] {
            other.replace()
        } else {
            let isTaken = connection.dialect == .lines && others.values.contains { $0.dialect == .lines }
            if isTaken || others.count >= clientsPerAccount { return false }
        }
        sessions[account, default: [:]][session] = connection
        return true
    }

    func leave(_ connection: RelayConnection, _ account: AccountName, session: String) {
        guard sessions[account]?[session] === connection else { return }
        sessions[account]?[session] = nil
        if sessions[account]?.isEmpty == true { sessions[account] = nil }
    }

    /// The connections of an account, by session.
    func connections(of account: AccountName) -> [String: RelayConnection] { sessions[account] ?? [:] }
}
