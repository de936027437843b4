// SPDX-License-Identifier: Apache-2.0

import Foundation
import MeshCore
import MeshProgram
import SwiftProtobuf

/// How what happens is told to people.
///
/// Texts, names and reasons come from others: whatever could steer a terminal is made visible.
struct Wording: Sendable {
    let style: TerminalStyle

    /// A message: a line for each of the text's lines, so that none can pass for somebody else's.
    func words(for message: WireMessage) -> String {
        let author = author(of: message)
        if case .data(let bytes) = message.body { return "\(author): (\(bytes.count) bytes that are no text)" }
        return message.text.split(separator: "\n", omittingEmptySubsequences: false)
            .map { "\(author): \(String($0).printableLine)" }.joined(separator: "\n")
    }

    private func author(of message: WireMessage) -> String {
        let name = style.name(message.sender.printable)
        if message.room.hasPrefix("@") { return "[\(name), to you]" }
        return message.room.isEmpty || message.room == RoomName.lobby.description
            ? "[\(name)]" : "#\(message.room.printable) [\(name)]"
    }

    /// A part of a room's history, each message with its time.
    func words(for page: WirePage) -> String {
        let lines = page.messages.map { message in
            let time = style.dim(Self.clock(message.time))
            return words(for: message).split(separator: "\n").map { "\(time) \($0)" }.joined(separator: "\n")
        }
        let end = page.more ? "There is more: /history" : "There is nothing older of \(Self.log(of: page.room))."
        return (lines + [note(end)]).joined(separator: "\n")
    }

    /// Who is in a room.
    func words(for people: WirePeople) -> String {
        note("In \(Self.place(people.room)): \(Self.list(people.users, and: Int(people.omitted))).")
    }

    /// Who came and who went.
    func words(for presence: WirePresence) -> String {
        let place = presence.room == RoomName.lobby.description ? "" : " \(Self.place(presence.room))"
        var parts: [String] = []
        if !presence.joined.isEmpty { parts.append("\(Self.someOf(presence.joined)) joined\(place).") }
        if !presence.left.isEmpty { parts.append("\(Self.someOf(presence.left)) left\(place).") }
        return note(parts.joined(separator: " "))
    }

    /// Messages that can't be had.
    func words(for gap: WireGap) -> String {
        let which = gap.first == gap.last ? "Message \(gap.first)" : "Messages \(gap.first) to \(gap.last)"
        let verb = gap.first == gap.last ? "is" : "are"
        return note("\(which) of \(Self.log(of: gap.room)) \(verb) no longer to be had.")
    }

    /// Why what was asked for was not done.
    func words(for request: RelayRequest, failedBecause reason: String) -> String {
        switch request {
        case .publish(let publish): "Not sent, since \(reason): \(String(publish.text.prefix(60)).printable)"
        case .join(let join): "Can't go to \(Self.place(join.room)): \(reason)"
        case .leave(let leave): "Can't leave \(Self.place(leave.room)): \(reason)"
        case .who(let who): "Can't tell who is in \(Self.place(who.room)): \(reason)"
        case .history(let history): "Can't show what was said in \(Self.place(history.room)): \(reason)"
        case .login, .ping, .bye: reason
        }
    }

    /// What is said by the program itself.
    func note(_ text: String) -> String { style.dim("* \(text)") }

    /// What one types behind, as long as it is said there.
    static func prompt(in room: RoomName) -> String {
        if room == .lobby { return "> " }
        return room.owner == nil ? "> #\(room): " : "> \(room): "
    }

    /// A room in a sentence.
    static func place(_ room: String) -> String {
        if room == RoomName.lobby.description { return "the lobby" }
        return room.hasPrefix("@") ? room.printable : "#\(room.printable)"
    }

    /// What was said in a room, in a sentence: of the inboxes one sees one's own alone.
    private static func log(of room: String) -> String {
        room.hasPrefix("@") ? "what was said to you alone" : place(room)
    }

    private static func list(_ names: [String], and others: Int) -> String {
        if names.isEmpty, others == 0 { return "nobody" }
        let known = names.map(\.printable).joined(separator: ", ")
        return others == 0 ? known : "\(known) and \(others) more"
    }

    private static func someOf(_ names: [String]) -> String {
        names.count <= 6 ? list(names, and: 0) : list(Array(names.prefix(5)), and: names.count - 5)
    }

    /// A time in the person's zone.
    private static func clock(_ time: MessageTime) -> String {
        var seconds = time_t(time.seconds)
        var parts = tm()
        guard localtime_r(&seconds, &parts) != nil else { return "" }
        var text = [CChar](repeating: 0, count: 32)
        strftime(&text, text.count, "%Y-%m-%d %H:%M", &parts)
        return String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
