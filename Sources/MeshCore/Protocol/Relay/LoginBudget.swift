// SPDX-License-Identifier: Apache-2.0

/// How many bytes a connection that has not logged in may still cost, in either direction.
package struct LoginBudget: Equatable, Sendable {
    private var taken = 0
    private var written = 0

    package init() {}

    /// Bytes of the client were used.
    package mutating func took(_ bytes: Int) {
        taken += bytes
    }

    /// Bytes were written to the client.
    package mutating func wrote(_ bytes: Int) {
        written += bytes
    }

    /// Fails where more has come or gone than a login is worth, with what waits to be used and to be written.
    package func check(unused: Int, unwritten: Int) throws(WireViolation) {
        let isOver = max(taken + unused, written + unwritten) > RelayLimits.bytesBeforeLogin
        if isOver { throw .notAllowed("too much before the login") }
    }
}
