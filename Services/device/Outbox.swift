// SPDX-License-Identifier: Apache-2.0

import MeshCore
import NIOCore

/// What people want to be sent, until it is known what became of it.
struct Outbox: Equatable {
    /// What is to be done with a device.
    enum Kind: Equatable {
        case text(String)
        case ping
    }

    /// Whom it is for: a word as long as nobody of that name is known.
    enum Target: Equatable {
        case word(String)
        case device(Directory.Entry)
    }

    /// Who wants to know what became of it.
    enum Asker: Equatable {
        case prompt
        /// A program, by its connection's number.
        case program(Int)
    }

    struct Errand: Equatable {
        let token: Int
        let kind: Kind
        var target: Target
        let asker: Asker
        /// Until when it waits for the device to be there.
        let deadline: NIODeadline
    }

    private let limit: Int
    private var waiting: [Errand] = []
    private var underWay: [Int: Errand] = [:]
    private var lastToken = 0
    /// When what is under way is looked at.
    private var nextCheck: NIODeadline?

    /// At most `limit` errands wait.
    init(limit: Int) {
        self.limit = limit
    }

    var isIdle: Bool { waiting.isEmpty && underWay.isEmpty }
    var nothingWaits: Bool { waiting.isEmpty }
    /// Whether something of the prompt's waits.
    var promptWaits: Bool { waiting.contains { $0.asker == .prompt } }

    func holdsAny(of asker: Asker) -> Bool {
        waiting.contains { $0.asker == asker } || underWay.values.contains { $0.asker == asker }
    }

    /// When the next errand has waited for too long.
    var nextDeadline: NIODeadline? { (waiting.map(\.deadline) + [nextCheck].compactMap(\.self)).min() }

    /// False if too much waits already.
    mutating func add(_ kind: Kind, to target: Target, for asker: Asker, deadline: NIODeadline) -> Bool {
        guard waiting.count < limit else { return false }
        lastToken += 1
        waiting.append(Errand(token: lastToken, kind: kind, target: target, asker: asker, deadline: deadline))
        return true
    }

    /// What need not wait is under way until it is settled.
    mutating func begin(_ kind: Kind, to target: Target, for asker: Asker, deadline: NIODeadline) -> Errand {
        lastToken += 1
        let errand = Errand(token: lastToken, kind: kind, target: target, asker: asker, deadline: deadline)
        begin(errand)
        return errand
    }

    /// Turns words into devices.
    ///
    /// The errands whose word means several devices are returned, and are over.
    mutating func resolve(_ directory: Directory) -> [(errand: Errand, several: [Directory.Entry])] {
        var ambiguous: [(errand: Errand, several: [Directory.Entry])] = []
        var resolved: [Errand] = []
        for errand in waiting {
            guard case .word(let word) = errand.target else {
                resolved.append(errand)
                continue
            }
            switch directory.find(word) {
            case .nobody: resolved.append(errand)
            case .several(let entries): ambiguous.append((errand, entries))
            case .devices(let entries):
                for entry in entries {
                    lastToken += 1
                    resolved.append(
                        Errand(
                            token: lastToken,
                            kind: errand.kind,
                            target: .device(entry),
                            asker: errand.asker,
                            deadline: errand.deadline
                        )
                    )
                }
            }
        }
        waiting = resolved
        return ambiguous
    }

    /// The first errand that can be run with its device; nil where there is none.
    ///
    /// It is under way until it is settled.
    mutating func takeReady(_ isReady: (Errand, DeviceID) -> Bool) -> (DeviceID, Errand)? {
        for (index, errand) in waiting.enumerated() {
            guard let id = errand.target.id, mayBegin(errand, with: id), isReady(errand, id) else { continue }
            waiting.remove(at: index)
            begin(errand)
            return (id, errand)
        }
        return nil
    }

    /// Of many pings some wait for the answers of those before: a connection measures few at a time.
    private func mayBegin(_ errand: Errand, with id: DeviceID) -> Bool {
        guard errand.kind == .ping else { return true }
        let pings = underWay.values.count { $0.kind == .ping && $0.target.id == id }
        return pings < PeerLimits.measurements / 2
    }

    private mutating func begin(_ errand: Errand) {
        underWay[errand.token] = errand
        nextCheck = nextCheck ?? errand.deadline
    }

    /// The errands whose device was not there in time.
    mutating func takeExpired(at now: NIODeadline) -> [Errand] {
        let expired = waiting.filter { $0.deadline <= now }
        waiting.removeAll { $0.deadline <= now }
        return expired
    }

    /// The texts that are under way for too long to devices that are not there any more, in their order; they no longer
    /// are under way.
    mutating func takeOverdue(at now: NIODeadline, isThere: (DeviceID) -> Bool) -> [Errand] {
        guard let check = nextCheck, check <= now else { return [] }
        var overdue: [Errand] = []
        for errand in underWay.values where errand.kind != .ping && errand.deadline <= now {
            if let id = errand.target.id, isThere(id) { continue }
            underWay[errand.token] = nil
            overdue.append(errand)
        }
        nextCheck = underWay.isEmpty ? nil : now + .seconds(1)
        return overdue.sorted { $0.token < $1.token }
    }

    /// Everything that waits, which no longer does.
    mutating func abandon() -> [Errand] {
        defer { waiting = [] }
        return waiting
    }

    /// Everything that is under way, in its order, which no longer is.
    mutating func abandonUnderWay() -> [Errand] {
        defer { underWay = [:] }
        return underWay.values.sorted { $0.token < $1.token }
    }

    /// It is known what became of an errand.
    mutating func settled(_ token: Int) -> Errand? {
        underWay.removeValue(forKey: token)
    }
}

extension Outbox.Target {
    var id: DeviceID? {
        switch self {
        case .word: nil
        case .device(let entry): entry.id
        }
    }

    /// For people.
    var name: String {
        switch self {
        case .word(let word): word.printable
        case .device(let entry): entry.name.printable
        }
    }
}
