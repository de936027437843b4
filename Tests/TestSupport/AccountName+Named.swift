// SPDX-License-Identifier: Apache-2.0

package import MeshCore

extension AccountName {
    /// The name of the account that a test is about.
    package static func named(_ text: String) -> AccountName {
        guard let name = AccountName(text) else { preconditionFailure("'\(text)' is no name") }
        return name
    }
}
