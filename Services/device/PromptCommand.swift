// SPDX-License-Identifier: Apache-2.0

import MeshCore

/// A line of the prompt, understood.
enum PromptCommand: Equatable, Sendable {
    case devices
    case peers
    case discovery
    case send(to: String, text: String)
    case ping(String)
    case help
    case exit
    case nothing

    /// Reads a line: a word, and what it needs.
    ///
    /// A name with spaces stands in double quotes.
    init(_ line: String) throws(PromptFault) {
        var rest = line.trimmed[...]
        let word = Self.word(from: &rest)
        switch word {
        case "": self = .nothing
        case "devices": self = .devices
        case "peers": self = .peers
        case "discovery": self = .discovery
        case "help", "?": self = .help
        case "exit", "quit": self = .exit
        case "ping":
            let target = Self.word(from: &rest)
            guard !target.isEmpty else { throw .incomplete("ping <name or id>") }
            self = .ping(target)
        case "send":
            let target = Self.word(from: &rest)
            let text = String(rest).trimmed
            guard !target.isEmpty, !text.isEmpty else { throw .incomplete("send <name, id or all> <text>") }
            self = .send(to: target, text: text)
        default: throw .unknown(word)
        }
    }

    static let explanation = """
        devices                  what the registry lists
        peers                    the devices that are known, and the connections with them
        discovery                what came by each way of finding devices
        send <name or id> <text> sends a text; to 'all', to each device that is known
        ping <name or id>        measures a round trip
        help                     this
        exit                     leaves
        A name with spaces stands in double quotes. Of an id its first digits are enough.
        """

    private static func word(from rest: inout Substring) -> String {
        if rest.first == "\"", let end = rest.dropFirst().firstIndex(of: "\"") {
            let word = rest[rest.index(after: rest.startIndex)..<end]
            rest = rest[rest.index(after: end)...].drop(while: \.isWhitespace)
            return String(word)
        }
        let word = rest.prefix { !$0.isWhitespace }
        rest = rest[word.endIndex...].drop(while: \.isWhitespace)
        return String(word)
    }
}

/// Why a line is no command.
enum PromptFault: Error, Equatable, CustomStringConvertible {
    case unknown(String)
    case incomplete(String)

    var description: String {
        switch self {
        case .unknown(let word):
            "there is no command '\(word.printable)': there are devices, peers, discovery, send, ping, help and exit"
        case .incomplete(let form): "it is: \(form)"
        }
    }
}

extension String {
    fileprivate var trimmed: String {
        guard let first = firstIndex(where: { !$0.isWhitespace }), let last = lastIndex(where: { !$0.isWhitespace })
        else { return "" }
        return String(self[first...last])
    }
}
