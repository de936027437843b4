// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport

/// How much is said, by how many, and how often the relay is killed meanwhile.
struct Storm {
    var clients = 50
    var messages = 4_000
    var kills = 20
    var seed: UInt64

    /// As the environment says: `STORM_CLIENTS`, `STORM_MESSAGES`, `STORM_KILLS`, `STORM_SEED`.
    static func fromEnvironment() -> Storm {
        let environment = ProcessInfo.processInfo.environment
        let number = { (name: String) in environment["STORM_\(name)"].flatMap { Int($0) } }
        var storm = Storm(seed: number("SEED").map { UInt64($0) } ?? .random(in: 0...999_999))
        storm.clients = number("CLIENTS") ?? storm.clients
        storm.messages = number("MESSAGES") ?? storm.messages
        storm.kills = number("KILLS") ?? storm.kills
        return storm
    }

    /// Clients share accounts, as a person's devices do.
    var accounts: [String] { (0..<min(10, clients)).map { "user\($0)" } }
}

/// What one client has seen of a room's log, held against what was accepted.
struct StormAccount {
    /// The last sequence that the relay spoke of.
    private(set) var position: UInt64 = 0
    private(set) var delivered: [(sequence: UInt64, text: String)] = []
    private(set) var announced: [ClosedRange<UInt64>] = []
    /// Own texts, in the order in which they were published, and where.
    private(set) var accepted: [(sequence: UInt64, text: String)] = []
    private(set) var faults: [String] = []

    mutating func delivered(_ sequence: UInt64, _ text: String) {
        if sequence <= position { faults.append("message \(sequence) after \(position)") }
        position = max(position, sequence)
        delivered.append((sequence, text))
    }

    /// The relay said what is no event.
    mutating func misunderstood(_ error: String) {
        faults.append("what is no event behind \(position): \(error)")
    }

    mutating func announced(_ first: UInt64, _ last: UInt64) {
        if first <= position || last < first { faults.append("gap \(first)-\(last) after \(position)") }
        position = max(position, last)
        announced.append(min(first, last)...max(first, last))
    }

    mutating func accepted(_ sequence: UInt64, _ text: String) {
        if let last = accepted.last, last.sequence >= sequence {
            faults.append("\(text) is \(sequence), but what was said before it \(last.sequence)")
        }
        accepted.append((sequence, text))
    }

    /// Whether it has as many messages as there are.
    func isComplete(of count: Int) -> Bool {
        delivered.count + accepted.count + announced.reduce(0) { $0 + $1.count } >= count
    }

    /// What is wrong with it, if `texts` are all that was accepted, by sequence from 1 on.
    func reckon(_ texts: [String]) -> [String] {
        var faults = faults
        var seen = [Int](repeating: 0, count: texts.count + 1)
        for (sequence, text) in delivered {
            guard (1...texts.count).contains(Int(sequence)) else {
                faults.append("message \(sequence), which was never accepted")
                continue
            }
            seen[Int(sequence)] += 1
            if texts[Int(sequence) - 1] != text { faults.append("message \(sequence) is another: \(text)") }
        }
        for sequence in announced.joined() where sequence <= texts.count { seen[Int(sequence)] += 1 }
        for (sequence, _) in accepted { seen[Int(sequence)] += 1 }
        for (sequence, times) in seen.enumerated().dropFirst() where times != 1 {
            faults.append(
                "message \(sequence) \(times == 0 ? "is missing, and nobody said so" : "came \(times) times")"
            )
        }
        return faults
    }
}
