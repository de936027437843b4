// SPDX-License-Identifier: Apache-2.0

/// The name of a room: 1 to 64 bytes of `a…z`, `0…9`, `.`, `_` and `-`; or the inbox of an account, `@` and its name.
package struct RoomName: Hashable, Sendable, CustomStringConvertible {
    package let description: String
    /// Whose inbox it is: only that account reads it, and everyone may write to it.
    package let owner: AccountName?

    /// Nil for what is no name.
    package init?(_ text: String) {
        description = text
        if text.hasPrefix("@") {
            guard let owner = AccountName(text.dropFirst()) else { return nil }
            self.owner = owner
        } else {
            owner = nil
            guard (1...Self.maximumBytes).contains(text.utf8.count), text.utf8.allSatisfy(Self.isAllowed) else {
                return nil
            }
        }
    }

    package static func == (left: RoomName, right: RoomName) -> Bool { left.description == right.description }

    package func hash(into hasher: inout Hasher) {
        hasher.combine(description)
    }

    private init(valid text: String, owner: AccountName?) {
        description = text
        self.owner = owner
    }

    /// The room that everyone is in.
    package static let lobby = RoomName(valid: "lobby", owner: nil)

    /// Where what is meant for one account waits for it.
    package static func inbox(of account: AccountName) -> RoomName {
        RoomName(valid: "@\(account)", owner: account)
    }

    /// The rule, for who broke it.
    package static let rule = "a room's name has 1 to \(maximumBytes) bytes: a to z, 0 to 9, and . _ -"

    private static let maximumBytes = 64

    private static func isAllowed(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"): true
        case UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"): true
        default: false
        }
    }
}
