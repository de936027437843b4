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

    struct Errand: Equatable {
        let token: Int
        let kind: Kind
        var target: Target
        /// Until when it waits for the device to be there.
        let deadline: NIODeadline
    }

    private let limit: Int
    private var waiting: [Errand] = []
    private var underWay: [Int: Errand] = [:]
    private var lastToken = 0

    /// At most `limit` errands wait.
    init(limit: Int) {
        self.limit = limit
    }

    var isIdle: Bool { waiting.isEmpty && underWay.isEmpty }
    var nothingWaits: Bool { waiting.isEmpty }
    /// When the next errand has waited for too long.
    var nextDeadline: NIODeadline? { waiting.lazy.map(\.deadline).min() }

    /// False if too much waits already.
    mutating func add(_ kind: Kind, to target: Target, deadline: NIODeadline) -> Bool {
        guard waiting.count < limit else { return false }
        lastToken += 1
        waiting.append(Errand(token: lastToken, kind: kind, target: target, deadline: deadline))
        return true
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
                        Errand(token: lastToken, kind: errand.kind, target: .device(entry), deadline: errand.deadline)
                    )
                }
            }
        }
        waiting = resolved
        return ambiguous
    }

    /// The errands that can be run: of the devices for which `isConnected` holds, as many texts at once as the window
    /// of a connection allows.
    ///
    /// They are under way until they are settled.
    mutating func takeReady(_ isConnected: (DeviceID) -> Bool) -> [(DeviceID, Errand)] {
        var ready: [(DeviceID, Errand)] = []
        var room: [DeviceID: Int] = [:]
        waiting.removeAll { errand in
            guard case .device(let entry) = errand.target, isConnected(entry.id) else { return false }
            let left = room[entry.id] ?? PeerLimits.window - underWay.values.count { $0.target.id == entry.id }
            guard left > 0 else { return false }
            room[entry.id] = left - 1
            ready.append((entry.id, errand))
            return true
        }
        for (_, errand) in ready { underWay[errand.token] = errand }
        return ready
    }

    /// The errands whose device was not there in time.
    ///
    /// One for a connected device has its turn when others are settled.
    mutating func takeExpired(at now: NIODeadline, _ isConnected: (DeviceID) -> Bool) -> [Errand] {
        var expired: [Errand] = []
        waiting.removeAll { errand in
            guard errand.deadline <= now, errand.target.id.map(isConnected) != true else { return false }
            expired.append(errand)
            return true
        }
        return expired
    }

    /// Everything that waits, which no longer does.
    mutating func abandon() -> [Errand] {
        defer { waiting = [] }
        return waiting
    }

    /// An errand was not run after all, and waits again, before those that came after it.
    mutating func putBack(_ token: Int) {
        guard let errand = underWay.removeValue(forKey: token) else { return }
        let place = waiting.firstIndex { $0.token > token } ?? waiting.endIndex
        waiting.insert(errand, at: place)
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
