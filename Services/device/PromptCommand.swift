// SPDX-License-Identifier: Apache-2.0

import Foundation
import MeshCore

/// What an agent can be asked to do, at the prompt and by other programs.
enum AgentCommand: Codable, Equatable, Sendable {
    case devices
    case peers
    /// Each address of a device, and what became of the last dial.
    case explain(String)
    /// Who is master, and who agrees.
    case master
    case discovery
    case send(to: String, text: String)
    case ping(String)
    case set(key: String, value: Data)
    case get(String)
    case delete(String)
    /// The keys that begin so, from after another on.
    case keys(prefix: String, after: String?)
    /// Tells each change of the keys that begin so.
    case watch(String)
}

/// A line of the prompt, understood.
enum PromptCommand: Equatable, Sendable {
    case agent(AgentCommand)
    case unwatch
    case help
    case exit
    case nothing

    /// Reads a line: a word, and what it needs.
    ///
    /// A name with spaces stands in double quotes.
    init(_ line: String) throws(PromptFault) {
        var rest = PromptWords(line)
        switch rest.word() {
        case "": self = .nothing
        case "devices": self = .agent(.devices)
        case "peers": self = .agent(.peers)
        case "master": self = .agent(.master)
        case "explain": self = .agent(.explain(try rest.needed("explain <name or id>")))
        case "discovery": self = .agent(.discovery)
        case "help", "?": self = .help
        case "exit", "quit": self = .exit
        case "ping": self = .agent(.ping(try rest.needed("ping <name or id>")))
        case "send":
            let form = "send <name, id or all> <text>"
            self = .agent(.send(to: try rest.needed(form), text: try rest.neededRest(form)))
        case "set":
            let form = "set <key> <value>"
            let key = try rest.needed(form)
            self = .agent(.set(key: key, value: Data(try rest.neededRest(form).utf8)))
        case "get": self = .agent(.get(try rest.needed("get <key>")))
        case "del": self = .agent(.delete(try rest.needed("del <key>")))
        case "keys": self = .agent(.keys(prefix: rest.word(), after: nil))
        case "watch": self = .agent(.watch(rest.word()))
        case "unwatch": self = .unwatch
        case let word: throw .unknown(word)
        }
    }

    /// The words that a line may begin with.
    static let words = [
        "devices", "peers", "explain", "master", "discovery", "send", "ping", "set", "get", "del", "keys", "watch",
        "unwatch",
        "help",
        "exit",
    ]

    static let explanation = """
        devices                  what the registry lists
        peers                    the devices that are known, and the sessions with them
        explain <name or id>     each address of a device, and what became of the last dial
        master                   which device is master, and who agrees
        discovery                what came by each way of finding devices
        send <name or id> <text> sends a text; to 'all', to each device that is known
        ping <name or id>        measures a round trip
        set <key> <value>        sets a key of the store that all devices share
        get <key>                its value
        del <key>                deletes it
        keys [prefix]            the keys that have a value
        watch [prefix]           tells each change from now on, until 'unwatch'
        help                     this
        exit                     leaves
        A name with spaces stands in double quotes. Of an id its first digits are enough.
        """
}

/// The words of a line.
private struct PromptWords {
    private var rest: Substring.UnicodeScalarView

    init(_ line: String) {
        rest = line[...].unicodeScalars
        rest = rest.drop(while: \.separatesWords)
        while let last = rest.last, last.separatesWords { rest.removeLast() }
    }

    /// The next word; empty where there is none.
    mutating func word() -> String {
        if rest.first == "\"", let end = rest.dropFirst().firstIndex(of: "\"") {
            let word = rest[rest.index(after: rest.startIndex)..<end]
            rest = rest[rest.index(after: end)...].drop(while: \.separatesWords)
            return String(word)
        }
        let word = rest.prefix { !$0.separatesWords }
        rest = rest[word.endIndex...].drop(while: \.separatesWords)
        return String(word)
    }

    mutating func needed(_ form: String) throws(PromptFault) -> String {
        let word = word()
        guard !word.isEmpty else { throw .incomplete(form) }
        return word
    }

    func neededRest(_ form: String) throws(PromptFault) -> String {
        guard !rest.isEmpty else { throw .incomplete(form) }
        return String(Substring(rest))
    }
}

/// Why a line is no command.
enum PromptFault: Error, Equatable, CustomStringConvertible {
    case unknown(String)
    case incomplete(String)

    var description: String {
        switch self {
        case .unknown(let word):
            "there is no command '\(word.printable)': there are \(PromptCommand.words.dropLast().joined(separator: ", ")) and exit"
        case .incomplete(let form): "it is: \(form)"
        }
    }
}

extension Unicode.Scalar {
    fileprivate var separatesWords: Bool {
        value < 0x80 ? value == 0x20 || (0x09...0x0D).contains(value) : properties.isWhitespace
    }
}
