// SPDX-License-Identifier: Apache-2.0

package import NIOCore
import SwiftProtobuf

/// The relay's half of the dialogue that `nc` and the earlier clients speak, byte for byte.
///
/// ```
/// relay                                       client
/// "Enter username: "                          "alice\n"
/// "Enter password: "                          "secret\n"
/// "Welcome, alice!\nMessage history:\n" …     "hello\n"
/// "[bob]: hi\n"                               "exit\n"
/// ```
///
/// A wrong password is answered with a line that says so and the first prompt again.
package struct LinesDialogue: Equatable, Sendable {
    /// What the relay does about a line or an event.
    package enum Action: Equatable, Sendable {
        case write(String)
        case request(RelayRequest)
    }

    private enum State: Equatable {
        case askingName
        case askingPassword(name: String)
        case verifying
        case chatting
        case ended
    }

    private var state = State.askingName

    package init() {}

    /// The connection is known to speak lines.
    package mutating func opened() -> [Action] {
        [.write(Self.namePrompt)]
    }

    /// A line came, without its end.
    package mutating func received(_ line: ByteBuffer) -> [Action] {
        let text = String(validating: line.readableBytesView, as: UTF8.self)
        switch state {
        case .askingName:
            // A name that is no UTF-8 is a wrong name: nothing about it is told before the password.
            state = .askingPassword(name: text.map(Self.trimmed) ?? "")
            return [.write(Self.passwordPrompt)]
        case .askingPassword(let name):
            state = .verifying
            return [.request(.login(.with { ($0.user, $0.password) = (name, text ?? "") }))]
        case .chatting:
            guard let text else { return [.write("Message refused: it is not UTF-8\n")] }
            let message = Self.trimmed(text)
            // The earlier client floods the server with empty lines when its input ends.
            if message.isEmpty { return [] }
            if message == "exit" {
                state = .ended
                return [.request(.bye(WireBye()))]
            }
            return [.request(.publish(.with { $0.text = message }))]
        case .verifying, .ended:
            // The driver takes no line while a password is being verified, and none after the end.
            return []
        }
    }

    /// The relay answers.
    ///
    /// What an event says in this dialect, and the prompt that follows it.
    package mutating func answered(_ event: RelayEvent) -> [Action] {
        let words = event.linesForm
        switch event {
        case .welcome:
            state = .chatting
        case .refused(let refusal) where refusal.reason != .tlsRequired:
            state = .askingName
            return [.write(words + Self.namePrompt)]
        case .bye, .refused:
            state = .ended
        case .message, .accepted, .gap, .error, .pong, .joined, .left, .people, .page, .presence:
            break
        }
        return words.isEmpty ? [] : [.write(words)]
    }

    private static let namePrompt = "Enter username: "
    private static let passwordPrompt = "Enter password: "

    private static func trimmed(_ text: String) -> String {
        guard let first = text.firstIndex(where: { !$0.isWhitespace }),
            let last = text.lastIndex(where: { !$0.isWhitespace })
        else { return "" }
        return String(text[first...last])
    }
}

extension WireRelayEvent.OneOf_Event {
    /// The event in the lines dialect: whole lines, or nothing for what that dialect has no word for.
    package var linesForm: String {
        switch self {
        case .welcome(let welcome):
            "Welcome, \(welcome.user)!\nMessage history:\n"
        case .refused(let refusal):
            switch refusal.reason {
            case .invalidCredentials: "Invalid credentials. Please try again.\n"
            case .tooManyClients: "This username is already logged in. Please use a different username.\n"
            case .busy: "The server is busy. Please try again.\n"
            case .tlsRequired, .invalidTicket, .unspecified, .UNRECOGNIZED: "\(refusal.explanation)\n"
            }
        case .message(let message):
            message.linesForm
        case .gap(let gap):
            "Gap: messages \(gap.first) to \(gap.last) are no longer here.\n"
        case .error(let error):
            "Message refused: \(error.explanation)\n"
        case .bye(let bye):
            bye.explanation.isEmpty ? "" : "\(bye.explanation)\n"
        case .presence(let presence):
            (presence.joined.map { "\($0) joined.\n" } + presence.left.map { "\($0) left.\n" }).joined()
        case .accepted, .pong, .joined, .left, .people, .page:
            ""
        }
    }
}

extension WireMessage {
    fileprivate var linesForm: String {
        let author = room.hasPrefix("@") ? "[\(sender), to you]" : "[\(sender)]"
        if case .data(let bytes) = body { return "\(author): (\(bytes.count) bytes that are no text)\n" }
        // A line break in a text must not let it pass for somebody else's line.
        return text.split(separator: "\n", omittingEmptySubsequences: false).map { "\(author): \($0)\n" }.joined()
    }
}
