// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import FoundationEssentials
import MeshAdmin
import MeshCore
import MeshProgram

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// `signaling_server devices`: who is there.
struct Devices: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "List the devices of the server that runs.")
    @Option(help: ArgumentHelp("text, or json: an array.", valueName: "text|json")) var format = ListFormat.text
    @OptionGroup var place: PlaceOptions

    func run() async throws {
        try await reportingFailures(of: "signaling_server") {
            let text = try await place.answer(
                of: try await place.runningServer(),
                to: AdminRequest("GET", path: ["devices"])
            )
            guard format == .text else { return print(text) }
            guard case .array(let elements)? = try? JSON(parsing: text.utf8) else { return }
            var table = TextTable(["ID", "NAME", "ADDRESS", "PROVEN", "TAG", "LAST SEEN"])
            for record in elements.compactMap({ DeviceRecord($0) }) { table.add(record.row) }
            print(table.text)
        }
    }
}

/// `signaling_server watch`: what happens.
struct Watch: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Print who is there, and then who comes, changes and goes.",
        discussion: "Ends with the server, or with Ctrl-C."
    )
    @Option(help: ArgumentHelp("text, or json: an object a line.", valueName: "text|json")) var format = ListFormat.text
    @OptionGroup var place: PlaceOptions

    func run() async throws {
        try await reportingFailures(of: "signaling_server") {
            let client = try await place.runningServer()
            var decoder = ServerSentEventDecoder()
            var watched = WatchedDevices()
            _ = try? await client.follow(AdminRequest("GET", path: ["watch"])) { text in
                for event in try decoder.received(text.utf8) {
                    for change in watched.received(event) { complete(change.line(format)) }
                }
            }
            throw ProgramFailure(.unavailable, "the server has stopped")
        }
    }

    /// A line for whoever reads along, and nothing left in a buffer.
    private func complete(_ line: String) {
        print(line)
        fflush(nil)
    }
}

/// `signaling_server remove`: puts a device out.
struct Remove: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Put a device out.",
        discussion: "Where devices are enrolled, it needs a new key to come back; elsewhere it may come back at once."
    )
    @Argument(help: "The device's id.") var id: String
    @OptionGroup var place: PlaceOptions

    func run() async throws {
        try await reportingFailures(of: "signaling_server") {
            let name = try await place.answer(
                of: try await place.runningServer(),
                to: AdminRequest("DELETE", path: ["devices", id])
            )
            print("Removed \(name).")
        }
    }
}

/// The form of a list on standard output.
enum ListFormat: String, ExpressibleByArgument {
    case text, json
}

extension DeviceRecord {
    fileprivate var row: [String] {
        [
            id.description, (registration.name ?? "").printable, contacts.first?.description ?? "-",
            verified ? "yes" : "no", tag?.description ?? "", lastSeen.formatted(.iso8601),
        ]
    }
}

extension PresenceChange {
    fileprivate func line(_ format: ListFormat) -> String {
        switch format {
        case .text:
            let name = record.registration.name.map { " \($0.printable)" } ?? ""
            let address = record.contacts.first.map { " at \($0)" } ?? ""
            return "\(word) \(record.id)\(name)\(address)"
        case .json: return JSON.object(["event": .string(word), "device": record.json]).description
        }
    }

    private var word: String {
        switch self {
        case .joined: "joined"
        case .changed: "changed"
        case .left(_, let reason): reason.rawValue
        }
    }
}
