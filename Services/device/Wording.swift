// SPDX-License-Identifier: Apache-2.0

import Foundation
import MeshCore
import NIOCore

/// What the agent says to people.
///
/// Whatever others chose is made printable here.
enum Wording {
    static func device(_ name: String, _ id: DeviceID) -> String { "\(name.printable) (\(id.short))" }

    static func endpoints(_ endpoints: [Endpoint]) -> String {
        endpoints.isEmpty ? "an unknown address" : endpoints.map(\.description).joined(separator: ", ")
    }

    static func news(_ news: PeerNews, address: (Int) -> String?) -> String {
        switch news {
        case .found(let id, let name, let endpoints):
            "* found \(device(name, id)) at \(self.endpoints(endpoints))"
        case .connected(let id, let name, let connection):
            "* connected to \(device(name, id)), \(address(connection) ?? "an unknown address"), TLS 1.3, id proven"
        case .lost(let id, let name, .goodbye(.leaving), _): "* \(device(name, id)) left"
        case .lost(let id, let name, let end, let wait): "* lost \(device(name, id)): \(end)\(again(wait))"
        case .unreachable(let id, let name, .otherDevice(let endpoint, let other), let wait):
            "* forged: what answers at \(endpoint) as \(device(name, id)) proves to be \(other); not talking to it"
                + again(wait)
        case .unreachable(let id, let name, let fault, let wait):
            "* can't reach \(device(name, id)): \("\(fault)".printable)\(again(wait))"
        case .gone(let id, let name): "* \(device(name, id)) is no longer listed"
        case .refused(let id, let name):
            "* refused \(device(name, id)): the registry does not list it (--accept-unlisted lets such devices in)"
        case .notAllowed(let id, let name): "* refused \(device(name, id)): it is not among those that --allow names"
        case .full(let limit): "* more than \(limit) devices are listed: the rest is passed over"
        }
    }

    /// A text that came, so that no line of it passes for somebody else's.
    static func text(_ text: String, from name: String) -> String {
        let name = name.printable
        // The most are so, and long ones take their time.
        if text.isPrintableASCII { return "\(name): \(text)" }
        return text.unicodeScalars.split(separator: "\n", omittingEmptySubsequences: false).map { line in
            let spaced = String(line).replacingOccurrences(of: "\t", with: "    ")
            return "\(name): \(spaced.printable)"
        }.joined(separator: "\n")
    }

    static func several(_ word: String, _ entries: [Directory.Entry]) -> String {
        "'\(word)' is the name of several devices: \(list(entries)); say which by its id"
    }

    static func nobody(_ word: String, _ directory: Directory) -> String {
        directory.entries.isEmpty
            ? "no device is known yet"
            : "no device is called '\(word)': there are \(list(directory.entries))"
    }

    static func list(_ entries: [Directory.Entry]) -> String {
        let shown = entries.prefix(8).map { device($0.name, $0.id) }
        return (shown + (entries.count > shown.count ? ["…"] : [])).joined(separator: ", ")
    }

    static func roundTrip(_ time: TimeAmount) -> String {
        let microseconds = time.nanoseconds / 1_000
        let tenths = (microseconds + 50) / 100
        return "\(tenths / 10).\(tenths % 10) ms"
    }

    /// What happened to a key.
    static func change(_ entry: StoreEntry, by writer: String) -> Answer {
        let key = entry.key.text.printable
        let members: [String: JSON] = [
            "key": .string(entry.key.text), "value": entry.value.map(json) ?? .null,
            "writer": .string(entry.writer.description),
        ]
        let what = entry.value.map { "\(key) = \(value($0).prefix(200))" } ?? "\(key) is deleted"
        return Answer(text: "\(what)  (\(writer.printable))", json: .object(members))
    }

    /// A value for people, without what could steer their terminal.
    static func value(_ value: Data) -> String {
        let text = String(decoding: value, as: UTF8.self)
        return text.split(separator: "\n", omittingEmptySubsequences: false).map { String($0).printableLine }
            .joined(separator: "\n")
    }

    /// A value for programs: as text, and what is none in base 64.
    static func json(_ value: Data) -> JSON {
        String(validating: value, as: UTF8.self).map(JSON.string)
            ?? .object(["base64": .string(value.base64EncodedString())])
    }

    /// An amount for people: `812 B`, `1.2 kB`, `34 MB`.
    static func bytes(_ count: Int) -> String {
        var (amount, unit) = (Double(count), 0)
        while amount >= 999.5, unit < 4 { (amount, unit) = (amount / 1_000, unit + 1) }
        let digits =
            unit == 0 || amount >= 9.95 ? "\(Int(amount.rounded()))" : "\((amount * 10).rounded() / 10)"
        return "\(digits) \(["B", "kB", "MB", "GB", "TB"][unit])"
    }

    private static func again(_ wait: TimeAmount?) -> String {
        wait.map { "; dialing again in \($0.seconds)" } ?? ""
    }
}
