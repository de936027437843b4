// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import FoundationEssentials
import MeshAdmin
import MeshCore
import MeshProgram
import NIOCore

/// `signaling_server enroll …`: the keys by which devices come in.
struct Enroll: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Make, list and revoke the keys by which devices come in.",
        discussion: """
            A device that registers with such a key is let in, and needs it no more. The command asks the server that \
            runs with the same state directory, or opens the store itself where none does.
            """,
        subcommands: [Create.self, List.self, Revoke.self]
    )

    struct Create: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Make a key, and print it this once.",
            discussion: "It lets in one device, or with --reusable any number until it expires."
        )
        @Flag(help: "Let in any number of devices.") var reusable = false
        @OptionGroup var terms: TermsOptions
        @OptionGroup var place: PlaceOptions

        func run() async throws {
            try await reportingFailures(of: "signaling_server") {
                var order = try terms.order()
                order.isReusable = reusable
                let request = AdminRequest("POST", path: ["keys"], query: order.query)
                let secret = try await place.ask(request) { [order] in try await order.makeKey(in: $0) }
                print(secret)
                let who = reusable ? "Any number of devices" : "One device"
                complain("\(who) may come in by this key within \(terms.expires). It is not shown again.")
            }
        }
    }

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List the keys, without what is secret of them.")
        @OptionGroup var place: PlaceOptions

        func run() async throws {
            try await reportingFailures(of: "signaling_server") {
                let text = try await place.ask(AdminRequest("GET", path: ["keys"])) { registry in
                    JSON.array(registry.keys.map { Grant.key($0).json }).description
                }
                let keys = grants(in: text).compactMap { if case .key(let key) = $0 { key } else { nil } }
                var table = TextTable(["ID", "USES", "STATE", "EXPIRES", "TAG"])
                for key in keys {
                    let state = key.fault(at: .now)?.words ?? (key.isReusable ? "reusable" : "for one")
                    table.add([key.hash.short, "\(key.uses)", state, key.expires.short, key.tag?.description ?? ""])
                }
                print(table.text)
            }
        }
    }

    struct Revoke: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Make a key worthless.",
            discussion: "Devices that came in by it stay; `signaling_server remove ID` puts one out."
        )
        @Argument(help: "The key's id, or the first digits of it.") var id: String
        @OptionGroup var place: PlaceOptions

        func run() async throws {
            try await reportingFailures(of: "signaling_server") {
                let name = try await place.ask(AdminRequest("DELETE", path: ["keys", id])) {
                    try await $0.revokeKey(id).hash.short
                }
                print("Revoked the key \(name).")
            }
        }
    }
}

/// `signaling_server token …`: the tokens by which operators' tools read.
struct Token: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Make, list and revoke the tokens by which tools and the page in a browser read.",
        subcommands: [Create.self, List.self, Revoke.self]
    )

    struct Create: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Make a token, and print it this once.",
            discussion: "It is sent as `Authorization: Bearer TOKEN`; the page at / asks for it."
        )
        @Flag(help: "Lists and watches devices; nothing else can be granted yet, so it must be said.") var read = false
        @OptionGroup var terms: TermsOptions
        @OptionGroup var place: PlaceOptions

        func validate() throws {
            if !read { throw ValidationError("say what the token is for: --read") }
        }

        func run() async throws {
            try await reportingFailures(of: "signaling_server") {
                let order = try terms.order()
                let request = AdminRequest("POST", path: ["tokens"], query: order.query)
                print(try await place.ask(request) { try await order.makeToken(in: $0) })
                complain("Whoever has this token can read for \(terms.expires). It is not shown again.")
            }
        }
    }

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List the tokens, without what is secret of them.")
        @OptionGroup var place: PlaceOptions

        func run() async throws {
            try await reportingFailures(of: "signaling_server") {
                let text = try await place.ask(AdminRequest("GET", path: ["tokens"])) { registry in
                    JSON.array(registry.tokens.map { Grant.token($0).json }).description
                }
                let tokens = grants(in: text).compactMap { if case .token(let token) = $0 { token } else { nil } }
                var table = TextTable(["ID", "STATE", "EXPIRES", "TAG"])
                for token in tokens {
                    let state = token.revoked != nil ? "revoked" : token.isValid(at: .now) ? "valid" : "expired"
                    table.add([token.hash.short, state, token.expires.short, token.tag?.description ?? ""])
                }
                print(table.text)
            }
        }
    }

    struct Revoke: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Make a token worthless.")
        @Argument(help: "The token's id, or the first digits of it.") var id: String
        @OptionGroup var place: PlaceOptions

        func run() async throws {
            try await reportingFailures(of: "signaling_server") {
                let name = try await place.ask(AdminRequest("DELETE", path: ["tokens", id])) {
                    try await $0.revokeToken(id).hash.short
                }
                print("Revoked the token \(name).")
            }
        }
    }
}

/// For how long something is granted, and to whom.
struct TermsOptions: ParsableArguments {
    @Option(help: ArgumentHelp("When it ends by itself: 24h, 7d, …", valueName: "time"))
    var expires = TimeSpan(.hours(24))

    @Option(
        help: ArgumentHelp("Limit what can be seen by it to devices that came in with the same tag.", valueName: "tag")
    )
    var tag: String?

    func order() throws(ProgramFailure) -> AccessOrder {
        var order = AccessOrder()
        order.life = expires.amount.nanoseconds / 1_000_000_000
        guard (1...315_360_000).contains(order.life) else {
            throw ProgramFailure(.usage, "--expires is \(expires), but must be from 1s to 3650d")
        }
        if let tag {
            guard let tag = DeviceTag(tag) else {
                throw ProgramFailure(.usage, "--tag must be 1 to 32 letters, digits and . _ -")
            }
            order.tag = tag
        }
        return order
    }
}

/// Which server a command is for.
struct PlaceOptions: ParsableArguments {
    @Option(help: ArgumentHelp("The store of a server that doesn't run, as it is given to it.", valueName: "store"))
    var store: StoreSetting?
    @OptionGroup var common: CommonOptions

    /// Asks the server that runs, or does it on the store of one that doesn't.
    func ask(_ request: AdminRequest, offline: (LiveRegistry) async throws -> String) async throws -> String {
        let configuration = try await configuration()
        if let client = try await client(configuration) { return try await answer(of: client, to: request) }
        guard configuration.store != .memory else {
            throw ProgramFailure(.unavailable, "no signaling_server runs here, and with --store memory nothing is kept")
        }
        let logger = startLogging(program: "signaling_server", level: configuration.logLevel)
        do {
            return try await offline(try await openRegistry(configuration, logger: logger))
        } catch let fault as AccessFault {
            throw ProgramFailure(.badInput, "\(fault)")
        }
    }

    /// The server that runs; fails where none does.
    func runningServer() async throws -> AdminClient {
        let configuration = try await configuration()
        if let client = try await client(configuration) { return client }
        throw ProgramFailure(
            .unavailable,
            "no signaling_server runs with this state directory: start one, or name another with --state-dir"
        )
    }

    func answer(of client: AdminClient, to request: AdminRequest) async throws -> String {
        let reply = try await client.ask(request)
        let text = reply.text.last == "\n" ? String(reply.text.dropLast()) : reply.text
        guard (200...299).contains(reply.status) else {
            throw ProgramFailure(reply.status == 404 ? .badInput : .unavailable, text)
        }
        return text
    }

    private func configuration() async throws -> Configuration {
        var options = try ServerOptions.parse([])
        options.store = store
        return try await Configuration(options, common)
    }

    private func client(_ configuration: Configuration) async throws -> AdminClient? {
        let directory = try StateDirectory.chosen(configuration.stateDirectory, program: "signaling_server")
        return try await AdminClient.ofRunningProgram(in: directory)
    }
}

private func grants(in text: String) -> [Grant] {
    guard case .array(let elements)? = try? JSON(parsing: text.utf8) else { return [] }
    return elements.compactMap { Grant($0) }
}

extension Date {
    /// To the minute, in UTC.
    fileprivate var short: String { "\(formatted(.iso8601).prefix(16))Z" }
}

extension EnrollmentFault {
    fileprivate var words: String {
        switch self {
        case .needed, .unknown: "unknown"
        case .usedUp: "used up"
        case .expired: "expired"
        case .revoked: "revoked"
        }
    }
}
