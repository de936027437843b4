// SPDX-License-Identifier: Apache-2.0

import Foundation
import MeshCore

/// A line that was typed, understood.
enum TypedLine: Equatable, Sendable {
    case nothing
    case command(RelayClient.Command)
    case help
    case exit

    /// Reads a line: a command if it begins with a slash, else a text.
    ///
    /// Of two slashes the first is taken away.
    init(_ line: String) throws(TypedLineFault) {
        let text = line.trimmingCharacters(in: .whitespaces)
        if text.isEmpty {
            self = .nothing
        } else if text == "exit" {
            self = .exit
        } else if text.hasPrefix("//") {
            self = .command(.say(String(text.dropFirst())))
        } else if text.hasPrefix("/") {
            self = try Self.command(text.dropFirst())
        } else {
            self = .command(.say(text))
        }
    }

    /// Reads where texts go: `kitchen`, `#kitchen`, or `@alice` for a person.
    static func room(_ word: some StringProtocol) throws(TypedLineFault) -> RoomName {
        let name = word.hasPrefix("#") ? String(word.dropFirst()) : String(word)
        guard let room = RoomName(name) else {
            throw .noRoom(String(word), rule: name.hasPrefix("@") ? AccountName.rule : RoomName.rule)
        }
        return room
    }

    private static func command(_ text: Substring) throws(TypedLineFault) -> TypedLine {
        let name = text.prefix { !$0.isWhitespace }
        let rest = text.dropFirst(name.count).drop(while: \.isWhitespace)
        switch name {
        case "join": return .command(.join(try room(try only(rest, "/join ROOM, or /join @USER"))))
        case "leave": return .command(.leave(try rest.isEmpty ? nil : room(only(rest, "/leave ROOM"))))
        case "who": return .command(.who(try rest.isEmpty ? nil : room(only(rest, "/who ROOM"))))
        case "msg": return .command(try message(rest))
        case "history": return .command(.history(limit: try limit(rest)))
        case "help" where rest.isEmpty: return .help
        default: throw .unknown("/\(name)")
        }
    }

    private static func only(_ rest: Substring, _ usage: String) throws(TypedLineFault) -> Substring {
        guard !rest.isEmpty, !rest.contains(where: \.isWhitespace) else { throw .usage(usage) }
        return rest
    }

    private static func message(_ rest: Substring) throws(TypedLineFault) -> RelayClient.Command {
        let parts = rest.split(maxSplits: 1, whereSeparator: \.isWhitespace)
        guard parts.count == 2 else { throw .usage("/msg USER TEXT") }
        let word = parts[0].hasPrefix("@") ? parts[0].dropFirst() : parts[0]
        guard let account = AccountName(word) else { throw .noRoom(String(word), rule: AccountName.rule) }
        return .tell(account, String(parts[1].drop(while: \.isWhitespace)))
    }

    private static func limit(_ rest: Substring) throws(TypedLineFault) -> Int {
        if rest.isEmpty { return 20 }
        guard let limit = Int(rest), (1...100).contains(limit) else { throw .usage("/history NUMBER, from 1 to 100") }
        return limit
    }

    static let explanation = """
        /join ROOM      goes to a room: what you type is said there
        /join @USER     talks to one person alone, also while they are away
        /leave [ROOM]   leaves a room
        /who [ROOM]     tells who is there
        /msg USER TEXT  says one text to one person alone
        /history [N]    shows N messages, 20 unless told, that are older than those you see
        /help           shows this
        //TEXT          says a text that begins with a slash
        exit            leaves, as Ctrl-D does
        Before a line of yours: · it is on its way, ✓ the relay has it, ✗ it was not said.
        """
}

/// Why a line is none that the client understands.
enum TypedLineFault: Error, Equatable, CustomStringConvertible {
    case unknown(String)
    case usage(String)
    case noRoom(String, rule: String)

    var description: String {
        switch self {
        case .unknown(let command):
            "\(command.printable) is no command: /help lists them, and // says a text that begins with a slash"
        case .usage(let usage): "it is used so: \(usage)"
        case .noRoom(let name, let rule): "'\(name.printable)' can't be a name: \(rule)"
        }
    }
}
