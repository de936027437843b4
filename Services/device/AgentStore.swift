// SPDX-License-Identifier: Apache-2.0

import Foundation
import Logging
import MeshCore
import MeshProgram
import NIOCore
import SwiftProtobuf

// The replica of the store.
extension Agent {
    typealias StoreReplica = Replica<SQLiteEntries>

    /// Gives the replica an event and does what it answers.
    ///
    /// Whose event breaks a rule is no longer talked to; a disk that fails is told of.
    func withReplica(
        for link: PeerLink? = nil,
        _ event: (inout StoreReplica, StoreReplica.Moment) throws -> [StoreReplica.Action]
    ) {
        do {
            perform(try event(&replica, .now))
        } catch let violation as StoreViolation {
            logger.warning("A peer broke the rules of the store", metadata: ["reason": "\(violation)"])
            link?.close(.protocolViolation)
        } catch {
            show("* the store: \(error)")
        }
    }

    func perform(_ actions: [StoreReplica.Action]) {
        for action in actions {
            switch action {
            case .send(let body, let id): link(to: id)?.send([.with { $0.body = body }])
            case .changed(let entry): changed(entry)
            case .setTimer(let deadline): timers.replica = deadline
            }
        }
    }

    private func changed(_ entry: StoreEntry) {
        let writer = entry.writer == settings.id ? "this device" : table.known[entry.writer]?.name ?? entry.writer.short
        let answer = Wording.change(entry, by: writer)
        if let watched, entry.key.hasPrefix(watched) { show("* " + answer.text) }
        for program in programs.values {
            guard let watched = program.watched, entry.key.hasPrefix(watched) else { continue }
            program.client.reply(.line(answer.text(program.client.format)))
        }
    }
}

// What people ask of it.
extension Agent {
    func set(_ key: String, to value: Data?, for asker: Outbox.Asker) {
        attempt(for: asker) {
            let key = try StoreKey(key)
            let actions = try replica.write(value, to: key, at: .now)
            if actions.isEmpty { throw ProgramFault("there is no key '\(key.text.printable)'") }
            perform(actions)
            let done = value == nil ? "deleted" : "set"
            answer(Answer(text: "\(done) \(key.text.printable)", json: .object([done: .string(key.text)])), to: asker)
        }
    }

    func get(_ key: String, for asker: Outbox.Asker) {
        attempt(for: asker) {
            let key = try StoreKey(key)
            guard let value = try replica.value(of: key) else {
                throw ProgramFault("there is no key '\(key.text.printable)'")
            }
            switch asker {
            case .prompt: show(Wording.value(value))
            case .program(let number):
                guard let client = programs[number]?.client else { return }
                let json = JSON.object(["key": .string(key.text), "value": Wording.json(value)])
                client.reply(client.format == .json ? .line(json.description) : .bytes(value))
            }
        }
    }

    /// A page of keys.
    func keys(prefix: String, after: String?, for asker: Outbox.Asker) {
        attempt(for: asker) {
            let place = try after.map { text throws(StoreViolation) in try StoreKey(text) }
            let keys = try replica.storage.keys(prefix: prefix, after: place, count: Self.page)
            for key in keys { answer(Answer(text: key.text.printable, json: .string(key.text)), to: asker) }
            if keys.isEmpty, asker == .prompt { show("no key has a value") }
            guard keys.count == Self.page, let last = keys.last else { return }
            switch asker {
            case .prompt: show("and more: 'keys <prefix>' shows those that begin so")
            case .program(let number): programs[number]?.client.reply(.more(after: last.text))
            }
        }
    }

    func watch(_ prefix: String, for asker: Outbox.Asker) {
        switch asker {
        case .prompt:
            watched = prefix
            show("telling each change" + (prefix.isEmpty ? "" : " of keys that begin with '\(prefix.printable)'"))
        case .program(let number): programs[number]?.watched = prefix
        }
    }

    private func attempt(for asker: Outbox.Asker, _ body: () throws -> Void) {
        do { try body() } catch {
            fail("\(error)", error is StoreViolation ? .badInput : .unavailable, for: asker)
        }
    }

    private static let page = 500
}

/// Why a command was not done.
struct ProgramFault: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) {
        self.description = description
    }
}

extension Replica.Moment {
    static var now: Self {
        Self(deadline: .now(), milliseconds: UInt64(max(0, Date().timeIntervalSince1970 * 1_000)))
    }
}
